//! Messages that say the same thing, grouped by leader clustering (Hartigan 1975, *Clustering Algorithms*, chapter 3):
//! in one pass, without a number of groups to guess, and the same for the same order.

use super::vectors::dot;

/// From this cosine on, two messages say the same thing. Of every fourth shipped example, with the names of parameters for
/// their values, 75 % share a group at 0.65, and 94 % of these are of their leader's intent; at 0.55 it is 89 and 85 %, at
/// 0.75 it is 49 and 97 %. With the values as they stand only 33 % share one: names say more than requests do.
const ALIKE: f32 = 0.65;

/// Groups unit vectors; each group holds indices, its leader first. Put first what should lead: every vector joins the
/// leader it is most like, or leads a group of its own.
pub fn groups(vectors: &[Vec<f32>]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, vector) in vectors.iter().enumerate() {
        let likeness = |group: &Vec<usize>| group.first().map_or(0.0, |leader| dot(vector, &vectors[*leader]));
        let nearest = groups.iter_mut().map(|group| (likeness(group), group)).max_by(|a, b| a.0.total_cmp(&b.0));
        match nearest.filter(|(likeness, _)| *likeness >= ALIKE) {
            Some((_, group)) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_joins_the_leader_it_is_most_like() {
        let vector = |degrees: f32| vec![degrees.to_radians().cos(), degrees.to_radians().sin()];
        let found = groups(&[0.0, 90.0, 30.0, 50.0, 180.0, 44.0].map(vector));
        assert_eq!(found, [vec![0, 2, 5], vec![1, 3], vec![4]]);
        assert_eq!(groups(&[]), Vec::<Vec<usize>>::new());
    }
}
