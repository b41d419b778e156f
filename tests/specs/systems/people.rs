//! Systems through which people are told, asked and woken.

use serde_json::{Value as Json, json};

use crate::description::Description;
use crate::prove::System;
use crate::server::ABSENT;

fn pagerduty(operation: &str, arguments: &Json) -> Json {
    let text = |name: &str| arguments[name].as_str().unwrap_or("pages").to_owned();
    let last = json!({"more": false, "offset": 0});
    let mut sense = match operation {
        "GET /teams" => json!({"teams": {"0": {"name": text("team")}, "1": {"name": "another"}}}),
        "GET /users" => {
            json!({"users": {"0": {"name": "Mira N.", "email": format!("{}@example.com", text("person"))}, "1": {"email": "x@example.com"}}})
        }
        "GET /services" => json!({"services": {"0": {"name": text("service")}, "1": {"name": "another"}}}),
        "GET /priorities" => json!({"priorities": {"0": {"name": format!("P{}", &text("severity")[3..])}}}),
        "GET /escalation_policies" => {
            json!({"escalation_policies": [{"id": "PX", "name": "sre", "type": "escalation_policy", "escalation_rules": []}]})
        }
        "GET /schedules" => {
            json!({"schedules": [{"id": "PS", "name": "sre weekly", "type": "schedule", "time_zone": "UTC"}]})
        }
        "GET /incidents" => {
            json!({"incidents": {"*": {"title": "another", "incident_number": 1}, "0": {"incident_number": 7,
            "title": arguments["alert"].as_str().unwrap_or("it is down")}}})
        }
        "PUT /incidents/{id}" if arguments["alert"].is_string() => json!({"incident": {"status": "acknowledged"}}),
        "PUT /incidents/{id}" => json!({"incident": {"status": "resolved"}}),
        "POST /incidents" => json!({"incident": {"incident_number": 7}}),
        "GET /oncalls" if arguments["query"]["schedule_ids[]"].is_string() => {
            json!({"oncalls": {"*": {"schedule": {"id": arguments["query"]["schedule_ids[]"]}, "user": {"id": "PT23IWX"}}}})
        }
        "POST /schedules/{id}/overrides" => return json!({"*": {"errors": ABSENT}}),
        _ => Json::Null,
    };
    if operation.starts_with("GET") && sense.is_object() {
        sense.as_object_mut().unwrap().extend(last.as_object().unwrap().clone());
    } else if operation == "GET /oncalls" {
        // In two parts.
        return json!({"more": arguments["query"]["offset"].is_null(), "offset": 0, "limit": 100});
    }
    sense
}

#[tokio::test]
async fn pagerduty_sends_what_the_description_allows() {
    let system = System {
        manifest: "pagerduty",
        env: &[
            ("PAGERDUTY_URL", "{url}"),
            ("PAGERDUTY_TOKEN", "t0k3n-of-a-test"),
            ("PAGERDUTY_FROM", "bot@example.com"),
            ("PAGERDUTY_SERVICE", "pages"),
        ],
        config: "",
        samples: &[],
        sense: pagerduty,
    };
    system.prove(Description::of("pagerduty")).await;
}

fn jira(operation: &str, arguments: &Json) -> Json {
    let named = |name: &str| json!({"displayName": name, "accountId": "5b10ac8d82e05b22cc7d4ef5"});
    let fields = json!({"summary": "the disk is full", "status": {"name": "To do"}, "assignee": named("Jonas"), "reporter": named("Mira"),
        "priority": {"name": "High"}, "created": "2026-11-21T04:41:03.000+0000", "updated": "2026-11-21T04:41:03.000+0000"});
    match operation {
        "GET /rest/api/3/user/search" => {
            let name = arguments["assignee"].as_str().unwrap_or("mira");
            json!({"0": {"displayName": format!("{name} N."), "emailAddress": format!("{name}@example.com"), "active": true}})
        }
        "GET /rest/api/3/issue/{issueIdOrKey}" => json!({"key": "OPS-42", "fields": fields}),
        "GET /rest/api/3/search/jql" => json!({"issues": {"*": {"key": "OPS-42", "fields": fields}}}),
        "GET /rest/api/3/issue/{issueIdOrKey}/transitions" => {
            json!({"transitions": {"0": {"name": "Finish", "to": {"name": "Done"}}}})
        }
        _ => Json::Null,
    }
}

#[tokio::test]
async fn jira_sends_what_the_description_allows() {
    let system = System {
        manifest: "jira",
        env: &[
            ("JIRA_URL", "{url}"),
            ("JIRA_USER", "bot@example.com"),
            ("JIRA_TOKEN", "t0k3n-of-a-test"),
            ("JIRA_PROJECT", "OPS"),
        ],
        config: "",
        samples: &[("ticket", &["OPS-42"])],
        sense: jira,
    };
    // The description is older than the search that took the place of `/rest/api/3/search`; what differs is this.
    // https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/#api-rest-api-3-search-jql-get
    let description = Description::of("jira").map(|description| {
        description.amended(|root| {
            let mut search = root["paths"]["/rest/api/3/search"].clone();
            search["get"]["parameters"][1] =
                json!({"in": "query", "name": "nextPageToken", "schema": {"type": "string"}});
            root["paths"]["/rest/api/3/search/jql"] = search;
        })
    });
    system.prove(description).await;
}

fn statuspage(operation: &str, arguments: &Json) -> Json {
    match operation {
        "GET /pages/{page_id}/components" => json!({"*": {"group": false}, "0": {"id": "gcvfrw2r8w36",
            "name": arguments["component"].as_str().unwrap_or("shop")}}),
        _ => Json::Null,
    }
}

#[tokio::test]
async fn statuspage_sends_what_the_description_allows() {
    let system = System {
        manifest: "statuspage",
        env: &[
            ("STATUSPAGE_URL", "{url}/v1"),
            ("STATUSPAGE_PAGE", "kctbh9vrtdwd"),
            ("STATUSPAGE_TOKEN", "t0k3n-of-a-test"),
        ],
        config: "",
        samples: &[],
        sense: statuspage,
    };
    system.prove(Description::of("statuspage")).await;
}

fn opsgenie(operation: &str, arguments: &Json) -> Json {
    let alert = arguments["alert"].as_str().unwrap_or("it is down");
    let done = json!({"data": {"isSuccess": true}});
    match operation {
        "GET /v2/alerts" => json!({"data": {"0": {"message": alert}}}),
        "GET /v1/incidents/" => json!({"data": {"0": {"tinyId": "7"}}}),
        "GET /v2/alerts/requests/{requestId}" | "GET /v1/incidents/requests/{requestId}" => done,
        _ => Json::Null,
    }
}

#[tokio::test]
async fn opsgenie_sends_what_the_description_allows() {
    let env = &[("OPSGENIE_URL", "{url}"), ("OPSGENIE_KEY", "t0k3n-of-a-test")];
    let system = System { manifest: "opsgenie", env, config: "", samples: &[], sense: opsgenie };
    system.prove(Description::of("opsgenie")).await;
}

/// The description says nothing of what comes back; this is what Trello's documentation shows of it.
/// <https://developer.atlassian.com/cloud/trello/rest/api-group-boards/>
fn trello(operation: &str, arguments: &Json) -> Json {
    let member = json!({"id": "5abbe4b7ddc1b351ef961414", "username": arguments["assignee"].as_str().unwrap_or("mira"), "fullName": "Mira N."});
    let card = json!({"id": "5abbe4b7ddc1b351ef961415", "idShort": 42, "name": "the disk is full", "closed": false, "desc": "",
        "dateLastActivity": "2026-11-21T04:41:03.000Z", "shortUrl": "https://trello.com/c/H0TZyzbK", "members": [member]});
    match operation {
        "GET /boards/{idBoard}/cards" => json!([card]),
        "GET /boards/{idBoard}/lists" => json!([{"id": "5abbe4b7ddc1b351ef961416", "name": "To do", "closed": false}]),
        "GET /boards/{idBoard}/members" => json!([member]),
        "GET /cards/{idCard}" | "POST /cards" | "PUT /cards/{idCard}/closed" => card,
        _ => json!([]),
    }
}

#[tokio::test]
async fn trello_sends_what_the_description_allows() {
    let system = System {
        manifest: "trello",
        env: &[
            ("TRELLO_URL", "{url}/1"),
            ("TRELLO_BOARD", "dQHqCohZ"),
            ("TRELLO_KEY", "k3y-of-a-test"),
            ("TRELLO_TOKEN", "t0k3n-of-a-test"),
        ],
        config: "",
        samples: &[("ticket", &["#42"])],
        sense: trello,
    };
    // The key and the token may stand in a header, where no log keeps them.
    // https://developer.atlassian.com/cloud/trello/guides/rest-api/authorization/#passing-token-and-key-in-api-requests
    let description = Description::of("trello").map(|description| {
        description.amended(|root| {
            for item in root["paths"].as_object_mut().unwrap().values_mut() {
                for operation in item.as_object_mut().unwrap().values_mut() {
                    let parameters = operation["parameters"].as_array_mut();
                    parameters.unwrap().retain(|parameter| parameter["name"] != "key" && parameter["name"] != "token");
                }
            }
        })
    });
    system.prove(description).await;
}

fn servicenow(operation: &str, arguments: &Json) -> Json {
    match operation {
        "GET /api/now/table/sys_user" => json!({"result": {"0": {"user_name": arguments["assignee"]}}}),
        "GET /api/now/table/sys_user_group" => json!({"result": {"0": {"name": arguments["project"]}}}),
        "POST /oauth_token.do" => json!({"access_token": "t0k3n-that-was-handed-out"}),
        // One ticket, with the number that was asked for.
        "GET /api/now/table/incident" => {
            json!({"result": [{"number": "INC0000042", "sys_id": "6816f79cc0a8016401c5a33be04be441",
            "short_description": "the disk is full", "state": "New"}]})
        }
        "PATCH /api/now/table/incident/{sys_id}" => json!({"result": {"state": "7"}}),
        _ => Json::Null,
    }
}

#[tokio::test]
async fn servicenow_sends_what_its_documentation_allows() {
    let system = System {
        manifest: "servicenow",
        env: &[
            ("SERVICENOW_URL", "{url}"),
            ("SERVICENOW_CLIENT", "sayso"),
            ("SERVICENOW_CLIENT_SECRET", "s3cret-of-a-test"),
        ],
        config: "",
        samples: &[("ticket", &["INC-0000042", "#42"])],
        sense: servicenow,
    };
    system.prove(Description::of("servicenow")).await;
}

fn otrs(operation: &str, _: &Json) -> Json {
    match operation {
        "PATCH /Ticket/{TicketID}" | "POST /Ticket" => json!({"Error": ABSENT, "TicketID": "7"}),
        "GET /Ticket" => json!({"TicketID": {"*": "7"}}),
        "GET /Ticket/{TicketID}" | "GET /TicketList" => json!({"Error": ABSENT}),
        _ => Json::Null,
    }
}

#[tokio::test]
async fn otrs_sends_what_its_source_allows() {
    let system = System {
        manifest: "otrs",
        env: &[
            ("OTRS_URL", "{url}"),
            ("OTRS_USER", "sayso"),
            ("OTRS_PASSWORD", "p4ssw0rd-of-a-test"),
            ("OTRS_QUEUE", "Raw"),
            ("OTRS_CUSTOMER", "operations"),
            ("OTRS_WEB_URL", "https://znuny.example.com/znuny"),
        ],
        config: "",
        samples: &[("ticket", &["#2026112110000012"])],
        sense: otrs,
    };
    system.prove(Description::of("otrs")).await;
}

fn teamforge(operation: &str, arguments: &Json) -> Json {
    match operation {
        "POST /oauth/auth/token" => json!({"access_token": "t0k3n-that-was-handed-out"}),
        "POST /ctfrest/tracker/v1/artifacts/filter" => {
            let closed = arguments["state"] == "closed";
            json!({"items": {"0": {"status": if closed { "Done" } else { "Open" }, "assignedTo": "mira"}}})
        }
        _ => Json::Null,
    }
}

#[tokio::test]
async fn teamforge_sends_what_is_known_of_it() {
    let system = System {
        manifest: "teamforge",
        env: &[
            ("TEAMFORGE_URL", "{url}"),
            ("TEAMFORGE_USER", "sayso"),
            ("TEAMFORGE_PASSWORD", "p4ssw0rd-of-a-test"),
            ("TEAMFORGE_TRACKER", "tracker1001"),
        ],
        config: "",
        samples: &[("ticket", &["#1234", "ARTF-1234"]), ("project", &["tracker1002"])],
        sense: teamforge,
    };
    system.prove(Description::of("teamforge")).await;
}
