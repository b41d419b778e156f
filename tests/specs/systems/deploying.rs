//! Systems that build, review and deploy.

use serde_json::{Value as Json, json};

use crate::description::{Asked, Description};
use crate::prove::System;
use crate::server::ABSENT;

fn github(operation: &str, arguments: &Json) -> Json {
    match operation {
        "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs" => {
            let number = arguments["build"].as_i64().unwrap_or(12);
            json!({"workflow_runs": {"0": {"run_number": number, "status": "in_progress"}, "1": {"run_number": 999, "status": "completed"}}})
        }
        "GET /repos/{owner}/{repo}/pulls/{pull_number}" => json!({"state": "open", "merged": false}),
        "GET /repos/{owner}/{repo}/pulls" => json!({"*": {"user": {"login": "mira"}}}),
        "GET /user/repos" => json!({"*": {"name": "shop", "archived": false, "owner": {"login": "Example"}}}),
        "GET /repos/{owner}/{repo}/issues" => json!({"*": {"pull_request": ABSENT}}),
        "PATCH /repos/{owner}/{repo}/issues/{issue_number}" => json!({"state": "closed"}),
        _ => Json::Null,
    }
}

#[tokio::test]
async fn github_sends_what_the_description_allows() {
    let system = System {
        manifest: "github",
        env: &[
            ("GITHUB_URL", "{url}"),
            ("GITHUB_OWNER", "example"),
            ("GITHUB_TOKEN", "t0k3n-of-a-test"),
            ("GITHUB_REPO", "shop"),
        ],
        config: "",
        samples: &[("pipeline", &["shop", "shop/release.yml"]), ("ticket", &["#42"])],
        sense: github,
    };
    system.prove(Description::of("github")).await;
}

fn argocd(operation: &str, _: &Json) -> Json {
    let history = json!([{"id": 4, "revision": "1.4.2", "deployedAt": "2026-11-20T04:41:03Z"},
        {"id": 5, "revision": "v2.0.0-rc1", "deployedAt": "2026-11-20T05:41:03Z"},
        {"id": 6, "revision": "a1b2c3d", "deployedAt": "2026-11-21T04:41:03Z"}]);
    let application = json!({"operation": ABSENT, "status": {"health": {"status": "Healthy", "message": "all is well"}, "history": history,
        "sync": {"status": "Synced", "revision": "a1b2c3d"}, "operationState": {"phase": "Succeeded"}}});
    match operation {
        "GET /api/v1/applications/{name}" => application,
        "GET /api/v1/applications" => json!({"items": {"*": {"metadata": {"name": "checkout-staging"}, "status": {
            "health": {"status": "Healthy"}, "sync": {"status": "Synced", "revision": "a1b2c3d"}}}}}),
        _ => Json::Null,
    }
}

#[tokio::test]
async fn argocd_sends_what_the_description_allows() {
    let env = &[("ARGOCD_URL", "{url}"), ("ARGOCD_TOKEN", "t0k3n-of-a-test")];
    let system = System { manifest: "argocd", env, config: "", samples: &[], sense: argocd };
    system.prove(Description::of("argocd")).await;
}

fn kubernetes(operation: &str, arguments: &Json) -> Json {
    let revision = "deployment.kubernetes.io/revision";
    let service = arguments["service"].as_str().unwrap_or("checkout");
    let version = arguments["version"].as_str().unwrap_or("1.4.1");
    let replicas = arguments["replicas"].as_i64().unwrap_or(3);
    let last = json!({"continue": ABSENT});
    let template = json!({"spec": {"containers": [{"name": "app", "image": format!("shop/checkout:{version}")}]}});
    match operation {
        "GET /apis/apps/v1/namespaces/{namespace}/deployments/{name}" => json!({
            "metadata": {"annotations": {revision: "6"}, "uid": "u1", "generation": 3},
            "spec": {"replicas": replicas, "selector": {}, "template": template},
            "status": {"observedGeneration": 3, "updatedReplicas": replicas, "availableReplicas": replicas, "replicas": replicas},
        }),
        // In two parts.
        "GET /apis/apps/v1/namespaces/{namespace}/deployments" if arguments["query"]["continue"].is_null() => {
            json!({"metadata": {"continue": "c2Vjb25k"}})
        }
        "GET /apis/apps/v1/namespaces/{namespace}/deployments" => json!({"metadata": last}),
        "GET /apis/apps/v1/deployments" => {
            json!({"metadata": last, "items": {"*": {"metadata": {"name": "checkout", "namespace": "staging"}}}})
        }
        "GET /api/v1/nodes" => json!({"metadata": last, "items": {"*": {"metadata": {"name": "k8w-21"}}}}),
        "GET /apis/apps/v1/namespaces/{namespace}/replicasets" => json!({"metadata": last, "items": {
            "0": {"metadata": {"annotations": {revision: "5"}, "ownerReferences": [{"uid": "u1", "kind": "Deployment",
                "name": service, "apiVersion": "apps/v1"}]}, "spec": {"template": template}},
            "1": {"metadata": {"annotations": {revision: "6"}, "ownerReferences": [{"uid": "u1", "kind": "Deployment",
                "name": service, "apiVersion": "apps/v1"}]}}}}),
        "GET /api/v1/pods" | "GET /api/v1/namespaces/{namespace}/pods" => json!({"metadata": last, "items": {
            "*": {"status": {"phase": "Running"}, "metadata": {"name": "checkout-7d9c5b8f6-x2x4z", "annotations": {},
                "namespace": "staging"}}}}),
        "PATCH /api/v1/nodes/{name}" => json!({"spec": {"unschedulable": false}}),
        _ => Json::Null,
    }
}

/// Of all kinds of patches the description says that they are objects. A JSON patch is a list (RFC 6902); any other one is a
/// part of the thing that it changes.
fn patches(root: &mut Json) {
    fn partial(value: &mut Json) {
        match value {
            Json::Object(members) => {
                members.remove("required");
                if let Some(Json::String(reference)) = members.get_mut("$ref") {
                    *reference = reference.replace("#/definitions/", "#/definitions/partial.");
                }
                members.values_mut().for_each(partial);
            }
            Json::Array(items) => items.iter_mut().for_each(partial),
            _ => {}
        }
    }
    let definitions = root["definitions"].as_object_mut().unwrap();
    let parts: Vec<_> = definitions.iter().map(|(name, schema)| (format!("partial.{name}"), schema.clone())).collect();
    for (name, mut schema) in parts {
        partial(&mut schema);
        definitions.insert(name, schema);
    }
    let part = |name: &str| json!({"$ref": format!("#/definitions/partial.io.k8s.api.{name}"), "nullable": true});
    definitions["io.k8s.apimachinery.pkg.apis.meta.v1.Patch"] = json!({"anyOf": [{"type": "array"}, part("apps.v1.Deployment"), part("autoscaling.v1.Scale"), part("core.v1.Node")]});
}

#[test]
fn a_patch_of_kubernetes_is_a_part_of_what_it_changes() {
    let Some(description) = Description::of("kubernetes").map(|description| description.amended(patches)) else {
        return;
    };
    let check = |body: Json| {
        let kind = "application/strategic-merge-patch+json".to_owned();
        description.check(&Asked {
            method: "PATCH".to_owned(),
            path: "/apis/apps/v1/namespaces/shop/deployments/web".to_owned(),
            query: Vec::new(),
            headers: vec![("content-type".to_owned(), kind)],
            body: body.to_string(),
        })
    };
    let restart = |place: &str| json!({"spec": {"template": {place: {"annotations": {"at": "now"}}}}});
    assert_eq!(check(restart("metadata")), Ok(()));
    assert!(check(restart("meta")).is_err());
    assert!(check(json!({"spec": {"replicas": "three"}})).is_err());
}

#[tokio::test]
async fn kubernetes_sends_what_the_description_allows() {
    let system = System {
        manifest: "kubernetes",
        env: &[("KUBERNETES_URL", "{url}"), ("KUBERNETES_TOKEN", "t0k3n-of-a-test")],
        config: "",
        samples: &[("container", &["checkout-7d9c5b8f6-x2x4z"])],
        sense: kubernetes,
    };
    let description = Description::of("kubernetes").map(|description| description.amended(patches));
    system.prove(description).await;
}

fn jenkins(operation: &str, arguments: &Json) -> Json {
    let number = arguments["build"].as_i64().unwrap_or(12);
    match operation {
        "GET /job/{name}/{number}/api/json" => json!({"number": number, "building": true, "result": ABSENT}),
        _ => Json::Null,
    }
}

#[tokio::test]
async fn jenkins_sends_what_the_description_allows() {
    let env = &[("JENKINS_URL", "{url}"), ("JENKINS_USER", "bot"), ("JENKINS_TOKEN", "t0k3n-of-a-test")];
    let system = System { manifest: "jenkins", env, config: "", samples: &[], sense: jenkins };
    // It describes the last build alone; any other one lies beside it. A part of what is there can be asked for (`tree`). And
    // a job without parameters takes none.
    // https://www.jenkins.io/doc/book/using/remote-access-api/
    let description = Description::of("jenkins").map(|description| {
        description.amended(|root| {
            for (path, last) in [
                ("/job/{name}/{number}/api/json", "/job/{name}/lastBuild/api/json"),
                ("/job/{name}/{number}/stop", "/job/{name}/lastBuild/stop"),
            ] {
                root["paths"][path] = root["paths"][last].clone();
            }
            let tree =
                json!([{"in": "query", "name": "tree", "schema": {"type": "string", "pattern": "^[a-z,\\[\\]]+$"}}]);
            root["paths"]["/api/json"]["get"]["parameters"] = tree;
            root["paths"]["/job/{name}/build"]["post"]["parameters"][1]["required"] = false.into();
        })
    });
    system.prove(description).await;
}

fn bitbucket(operation: &str, arguments: &Json) -> Json {
    let number = arguments["build"].as_i64().unwrap_or(12);
    match operation {
        "GET /repositories/{workspace}/{repo_slug}/pipelines" => json!({"values": {"0": {"build_number": number,
            "state": {"name": "IN_PROGRESS"}, "target": {"ref_name": "main"}}}}),
        "GET /repositories/{workspace}/{repo_slug}/pullrequests" => {
            let author = arguments["author"].as_str().unwrap_or("Mira");
            json!({"next": ABSENT, "values": {"0": {"author": {"display_name": author}}}})
        }
        "POST /repositories/{workspace}/{repo_slug}/pullrequests/{pull_request_id}/merge" => json!({"state": "MERGED"}),
        _ => Json::Null,
    }
}

#[tokio::test]
async fn bitbucket_sends_what_the_description_allows() {
    let system = System {
        manifest: "bitbucket",
        env: &[
            ("BITBUCKET_URL", "{url}/2.0"),
            ("BITBUCKET_WORKSPACE", "example"),
            ("BITBUCKET_TOKEN", "t0k3n-of-a-test"),
            ("BITBUCKET_REPO", "shop"),
        ],
        config: "",
        samples: &[],
        sense: bitbucket,
    };
    // What holds for every list is told once, in words, and so is the range of commits.
    // https://developer.atlassian.com/cloud/bitbucket/rest/intro/#pagination
    // https://developer.atlassian.com/cloud/bitbucket/rest/api-group-commits/
    // https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pipelines/
    let description = Description::of("bitbucket").map(|description| {
        description.amended(|root| {
            let text = |name: &str| json!({"in": "query", "name": name, "schema": {"type": "string"}});
            let number = |name: &str| json!({"in": "query", "name": name, "schema": {"type": "integer"}});
            for (list, more) in [
                ("pipelines", vec![text("target.branch")]),
                ("pullrequests", Vec::new()),
                ("commits", vec![text("include"), text("exclude")]),
            ] {
                let operation = &mut root["paths"][format!("/repositories/{{workspace}}/{{repo_slug}}/{list}")]["get"];
                let mut parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
                parameters.extend([text("sort"), number("page"), number("pagelen")].into_iter().chain(more));
                operation["parameters"] = parameters.into();
            }
        })
    });
    system.prove(description).await;
}

fn rundeck(operation: &str, arguments: &Json) -> Json {
    match operation {
        "GET /project/{project}/jobs" => json!({"0": {"name": arguments["playbook"]}, "1": {"name": "another"}}),
        "POST /job/{id}/run" => {
            json!({"id": 17, "status": "running", "permalink": "https://rundeck.example.com/execution/show/17"})
        }
        "GET /execution/{id}" => json!({"id": 17, "status": "succeeded"}),
        _ => Json::Null,
    }
}

#[tokio::test]
async fn rundeck_sends_what_the_description_allows() {
    let env = &[("RUNDECK_URL", "{url}"), ("RUNDECK_TOKEN", "t0k3n-of-a-test"), ("RUNDECK_PROJECT", "shop")];
    let system = System { manifest: "rundeck", env, config: "", samples: &[], sense: rundeck };
    let description = Description::of("rundeck").map(|description| {
        description.amended(|root| root["servers"][0]["url"] = "https://rundeck.example.com/api/48".into())
    });
    system.prove(description).await;
}

fn gitlab(operation: &str, arguments: &Json) -> Json {
    match operation {
        "GET /projects/{id}/pipelines" => {
            json!([{"id": arguments["build"].as_i64().unwrap_or(12), "status": "running", "ref": "main"}])
        }
        "GET /projects/{id}/merge_requests/{iid}" => json!({"state": "opened"}),
        "PUT /projects/{id}/merge_requests/{iid}/merge" => json!({"state": "merged"}),
        "PUT /projects/{id}/issues/{iid}" => json!({"state": "closed"}),
        _ => Json::Null,
    }
}

#[tokio::test]
async fn gitlab_sends_what_its_documentation_allows() {
    let system = System {
        manifest: "gitlab",
        env: &[
            ("GITLAB_URL", "{url}"),
            ("GITLAB_GROUP", "infra"),
            ("GITLAB_TOKEN", "t0k3n-of-a-test"),
            ("GITLAB_PROJECT", "shop"),
        ],
        config: "",
        samples: &[("pipeline", &["shop", "other/shop"]), ("ticket", &["#42"])],
        sense: gitlab,
    };
    system.prove(Description::of("gitlab")).await;
}

fn circleci(operation: &str, arguments: &Json) -> Json {
    match operation {
        "GET /project/{vcs}/{organization}/{project}/pipeline" => {
            let number = arguments["build"].as_i64().unwrap_or(12);
            json!({"next_page_token": null, "items": {"0": {"number": number}, "1": {"number": 999}}})
        }
        "GET /pipeline/{pipeline-id}/workflow" => json!({"items": {"*": {"status": "running"}}}),
        _ => Json::Null,
    }
}

#[tokio::test]
async fn circleci_sends_what_its_documentation_allows() {
    let env = &[("CIRCLECI_URL", "{url}"), ("CIRCLECI_TOKEN", "t0k3n-of-a-test"), ("CIRCLECI_ORG", "gh/example")];
    let system = System { manifest: "circleci", env, config: "", samples: &[], sense: circleci };
    system.prove(Description::of("circleci")).await;
}

fn travis(operation: &str, arguments: &Json) -> Json {
    let number = arguments["build"].as_i64().unwrap_or(12).to_string();
    match operation {
        "GET /repo/{slug}/builds" => {
            json!({"builds": {"0": {"number": number, "state": "started"}, "1": {"number": "999", "state": "passed"}}})
        }
        "GET /build/{id}/jobs" => json!({"jobs": {"1": {"state": "failed", "number": "12.2"}}}),
        _ => Json::Null,
    }
}

#[tokio::test]
async fn travis_sends_what_its_source_allows() {
    let system = System {
        manifest: "travis",
        env: &[("TRAVIS_URL", "{url}"), ("TRAVIS_TOKEN", "t0k3n-of-a-test"), ("TRAVIS_OWNER", "example")],
        config: "",
        samples: &[("pipeline", &["shop", "other/shop"])],
        sense: travis,
    };
    system.prove(Description::of("travis")).await;
}

fn bamboo(operation: &str, arguments: &Json) -> Json {
    match operation {
        "GET /result/{key}" => {
            let number = arguments["build"].as_i64().unwrap_or(12);
            let running =
                json!({"buildNumber": number, "lifeCycleState": "InProgress", "buildResultKey": "SHOP-WEB-12"});
            json!({"results": {"result": {"0": running, "1": {"buildNumber": 999, "lifeCycleState": "Finished"}}}})
        }
        _ => Json::Null,
    }
}

#[tokio::test]
async fn bamboo_sends_what_its_documentation_allows() {
    let env = &[("BAMBOO_URL", "{url}"), ("BAMBOO_TOKEN", "t0k3n-of-a-test")];
    let system = System { manifest: "bamboo", env, config: "", samples: &[("pipeline", &["SHOP-WEB"])], sense: bamboo };
    system.prove(Description::of("bamboo")).await;
}
