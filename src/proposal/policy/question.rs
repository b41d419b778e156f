//! From our question to Cedar's: entities, context, request.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::error::Error;

use cedar_policy::RestrictedExpression as Expr;
use cedar_policy::{Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, Schema};
use jiff::tz::TimeZone;

use super::super::permission::Query;
use super::super::roles::Roles;
use crate::domain::{Actor, EntityType, ParameterName, People, Value, ValueType};

/// Anything that keeps a question from being asked.
pub(super) type Unaskable = Box<dyn Error + Send + Sync>;

/// The schema, and the names of its types.
pub(super) struct Vocabulary {
    schema: Schema,
    action: EntityTypeName,
    actor: EntityTypeName,
    command: EntityTypeName,
    effect: EntityTypeName,
    role: EntityTypeName,
}

impl Vocabulary {
    /// Reads the schema.
    pub(super) fn read(schema: &str) -> Result<Self, Unaskable> {
        let (schema, warnings) = Schema::from_cedarschema_str(schema)?;
        if let Some(warning) = warnings.into_iter().next() {
            return Err(warning.to_string().into());
        }
        Ok(Self {
            schema,
            action: "Action".parse()?,
            actor: "Actor".parse()?,
            command: "Command".parse()?,
            effect: "Effect".parse()?,
            role: "Role".parse()?,
        })
    }

    pub(super) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The question in Cedar's terms, checked against the schema.
    pub(super) fn ask(
        &self,
        query: &Query<'_>,
        roles: &Roles,
        people: &People,
        zone: &TimeZone,
    ) -> Result<(Request, Entities), Unaskable> {
        let action = uid(&self.action, query.action.as_str());
        let resource = uid(&self.command, query.subject.intent.as_str());
        // Whoever has several accounts is one and the same, whichever they act with.
        let own = people.same(query.requester, query.actor);
        let requester = if own { query.actor } else { query.requester };
        let mut entities =
            vec![self.resource(resource.clone(), query, requester, roles)?, self.person(query.actor, roles)?];
        if !own {
            entities.push(self.person(requester, roles)?);
        }
        let context = circumstances(query, zone)?;
        let principal = self.actor(query.actor);
        let request = Request::new(principal, action, resource, context, Some(&self.schema))?;
        Ok((request, Entities::from_entities(entities, Some(&self.schema))?))
    }

    fn actor(&self, actor: &Actor) -> EntityUid {
        uid(&self.actor, &actor.to_string())
    }

    fn person(&self, actor: &Actor, roles: &Roles) -> Result<Entity, Unaskable> {
        let attributes = HashMap::from([("platform".to_owned(), text(actor.platform()))]);
        let parents: HashSet<_> = roles.of(actor).map(|role| uid(&self.role, role)).collect();
        Ok(Entity::new(self.actor(actor), attributes, parents)?)
    }

    /// The command; its tags count the yeses of each role.
    fn resource(
        &self,
        id: EntityUid,
        query: &Query<'_>,
        requester: &Actor,
        roles: &Roles,
    ) -> Result<Entity, Unaskable> {
        let effect = uid(&self.effect, query.subject.effect.as_str());
        let mut attributes = HashMap::from([
            ("intent".to_owned(), text(query.subject.intent.as_str())),
            ("effect".to_owned(), Expr::new_entity_uid(effect)),
            ("target".to_owned(), text(&query.target.name)),
            ("local".to_owned(), Expr::new_bool(query.target.local)),
            ("production".to_owned(), Expr::new_bool(query.target.production)),
            ("requester".to_owned(), Expr::new_entity_uid(self.actor(requester))),
        ]);
        for entity in [EntityType::Environment, EntityType::Service, EntityType::Host] {
            if let Some(name) = named(query.subject.arguments, entity) {
                attributes.insert(entity.as_str().to_owned(), text(name));
            }
        }
        let mut yeses: BTreeMap<&str, i64> = BTreeMap::new();
        for role in query.yeses.iter().flat_map(|actor| roles.of(actor)) {
            *yeses.entry(role).or_default() += 1;
        }
        let tags = yeses.into_iter().map(|(role, count)| (role.to_owned(), Expr::new_long(count)));
        Ok(Entity::new_with_tags(id, attributes, HashSet::new(), tags)?)
    }
}

/// What a command names of a kind. A promotion names two environments; the last is the one it goes to.
fn named(arguments: &[(ParameterName, Value)], entity: EntityType) -> Option<&str> {
    let mut values = arguments.iter().map(|(_, value)| value);
    values.rfind(|value| value.value_type() == ValueType::Entity(entity)).map(|value| value.as_str())
}

fn circumstances(query: &Query<'_>, zone: &TimeZone) -> Result<Context, Unaskable> {
    let local = query.now.to_zoned(zone.clone());
    let moment = query.now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    let said = query.reason.map(|reason| ("reason".to_owned(), text(reason)));
    let always = [
        ("now".to_owned(), Expr::new_datetime(moment)),
        ("hour".to_owned(), Expr::new_long(local.hour().into())),
        ("minute".to_owned(), Expr::new_long(local.minute().into())),
        ("weekday".to_owned(), Expr::new_long(local.weekday().to_monday_one_offset().into())),
        ("platform".to_owned(), text(&query.conversation.platform)),
        ("channel".to_owned(), text(&query.conversation.channel)),
        ("approvals".to_owned(), Expr::new_long(i64::try_from(query.yeses.len())?)),
        ("broken_glass".to_owned(), Expr::new_bool(query.broken_glass)),
    ];
    Ok(Context::from_pairs(always.into_iter().chain(said))?)
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn text(text: &str) -> Expr {
    Expr::new_string(text.to_owned())
}
