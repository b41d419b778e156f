//! The AWS command line itself, against a small CloudFormation of our own. The answers have the form of
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html>.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use crate::tool::{Bench, is_there, previewed, refuses_hostile, succeeds};
use sayso::domain::OutcomeStatus;

type Form = BTreeMap<String, String>;

/// A change set, and the bucket names in the template that it was made of.
#[derive(Clone)]
struct ChangeSet {
    name: String,
    id: String,
    wants: String,
    state: &'static str,
}

/// One stack, `network`, that holds one bucket, and what was asked.
#[derive(Default)]
struct Stack {
    made: bool,
    bucket: String,
    sets: Vec<ChangeSet>,
    /// Of the execution that goes on: its token, and how often it is still told to.
    executing: Option<(String, String, u32)>,
    events: Vec<String>,
    fails: bool,
    asked: Vec<(String, Form)>,
}

const STACK: &str = "arn:aws:cloudformation:eu-west-1:1:stack/network/4f2";

fn refused(code: &str, message: &str) -> (StatusCode, String) {
    let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
    (StatusCode::BAD_REQUEST, format!("<ErrorResponse>{error}<RequestId>r</RequestId></ErrorResponse>"))
}

impl Stack {
    fn set(&self, id: &str) -> &ChangeSet {
        self.sets.iter().find(|set| set.id == id).unwrap()
    }

    fn event(&mut self, token: &str, (logical, physical, kind): (&str, &str, &str), status: &str, reason: &str) {
        let number = self.events.len();
        let event = format!(
            "<member><StackId>{STACK}</StackId><StackName>network</StackName><EventId>e{number}</EventId>\
             <LogicalResourceId>{logical}</LogicalResourceId><PhysicalResourceId>{physical}</PhysicalResourceId>\
             <ResourceType>{kind}</ResourceType><ResourceStatus>{status}</ResourceStatus>\
             <ResourceStatusReason>{reason}</ResourceStatusReason><ClientRequestToken>{token}</ClientRequestToken>\
             <Timestamp>2026-11-20T10:00:00Z</Timestamp></member>"
        );
        self.events.insert(0, event);
    }

    /// Time passes: an execution goes on by a step each time somebody looks.
    fn go_on(&mut self) {
        let Some((token, id, rounds)) = self.executing.take() else { return };
        let stack = ("network", STACK, "AWS::CloudFormation::Stack");
        let bucket = ("Bucket", "b-1", "AWS::S3::Bucket");
        match (rounds, self.fails) {
            (1, true) => {
                self.event(&token, bucket, "UPDATE_FAILED", "b-2 already exists");
                self.event(&token, stack, "UPDATE_ROLLBACK_IN_PROGRESS", "");
                self.event(&token, stack, "UPDATE_ROLLBACK_COMPLETE", "");
            }
            (1, false) => {
                self.bucket = self.set(&id).wants.clone();
                self.event(&token, stack, if self.made { "UPDATE_COMPLETE" } else { "CREATE_COMPLETE" }, "");
                self.made = true;
            }
            _ => {
                self.event(&token, bucket, if self.made { "UPDATE_IN_PROGRESS" } else { "CREATE_IN_PROGRESS" }, "");
                self.executing = Some((token, id, rounds - 1));
            }
        }
    }

    fn answer(&mut self, form: Form) -> (StatusCode, String) {
        let action = form["Action"].clone();
        self.asked.push((action.clone(), form.clone()));
        let id = form.get("ChangeSetName").cloned().unwrap_or_default();
        if form.get("StackName").is_some_and(|name| name != "network" && name != STACK) {
            return refused("ValidationError", &format!("Stack with id {} does not exist", form["StackName"]));
        }
        let result = match action.as_str() {
            "DescribeStacks" | "ListChangeSets" if !self.made && self.sets.is_empty() => {
                return refused("ValidationError", "Stack with id network does not exist");
            }
            "DescribeStacks" => {
                let state = if self.made { "UPDATE_COMPLETE" } else { "REVIEW_IN_PROGRESS" };
                let times = "<CreationTime>2026-11-20T10:00:00Z</CreationTime>";
                format!(
                    "<Stacks><member><StackId>{STACK}</StackId><StackName>network</StackName>{times}<StackStatus>{state}</StackStatus></member></Stacks>"
                )
            }
            "CreateChangeSet" => {
                assert_eq!(form["ChangeSetType"], if self.made { "UPDATE" } else { "CREATE" });
                assert_eq!(form["Capabilities.member.1"], "CAPABILITY_IAM", "what stands in the file is sent along");
                if !form["TemplateBody"].contains("Bucket") {
                    return refused(
                        "ValidationError",
                        "Template format error: At least one Resources member must be defined.",
                    );
                }
                let name = form["ChangeSetName"].clone();
                let id = format!("arn:aws:cloudformation:eu-west-1:1:changeSet/{name}/{}", self.sets.len());
                let wants = form["TemplateBody"].split("BucketName: ").nth(1).unwrap().trim().to_owned();
                let state = if wants == self.bucket || wants == "forbidden" { "UNAVAILABLE" } else { "AVAILABLE" };
                self.sets.push(ChangeSet { name, id: id.clone(), wants, state });
                format!("<Id>{id}</Id><StackId>{STACK}</StackId>")
            }
            "DescribeChangeSet" => {
                let set = self.set(&id);
                let (status, reason) = match set.state {
                    "UNAVAILABLE" if set.wants == self.bucket => {
                        ("FAILED", "The submitted information didn't contain changes. Submit different information.")
                    }
                    "UNAVAILABLE" => ("FAILED", "Bucket names must not be forbidden"),
                    _ => ("CREATE_COMPLETE", ""),
                };
                let change = if self.made { ("Modify", "True") } else { ("Add", "False") };
                let change = match status {
                    "FAILED" => String::new(),
                    _ => format!(
                        "<member><Type>Resource</Type><ResourceChange><Action>{}</Action><LogicalResourceId>Bucket</LogicalResourceId>\
                         <ResourceType>AWS::S3::Bucket</ResourceType><Replacement>{}</Replacement>\
                         <Scope><member>Properties</member></Scope></ResourceChange></member>",
                        change.0, change.1
                    ),
                };
                let head = format!("<ChangeSetName>{}</ChangeSetName><ChangeSetId>{id}</ChangeSetId>", set.name);
                let times = "<CreationTime>2026-11-20T10:00:00Z</CreationTime>";
                let states = format!("<ExecutionStatus>{}</ExecutionStatus><Status>{status}</Status>", set.state);
                format!("{head}{times}{states}<StatusReason>{reason}</StatusReason><Changes>{change}</Changes>")
            }
            "ListChangeSets" => {
                let member = |set: &ChangeSet| {
                    format!(
                        "<member><ChangeSetName>{}</ChangeSetName><ChangeSetId>{}</ChangeSetId><ExecutionStatus>{}</ExecutionStatus></member>",
                        set.name, set.id, set.state
                    )
                };
                format!("<Summaries>{}</Summaries>", self.sets.iter().map(member).collect::<String>())
            }
            "ExecuteChangeSet" => {
                if self.set(&id).state != "AVAILABLE" {
                    return refused("InvalidChangeSetStatus", "ChangeSet cannot be executed in its current status");
                }
                self.sets.retain(|set| set.id == id);
                self.sets[0].state = "EXECUTE_COMPLETE";
                self.executing = Some((form["ClientRequestToken"].clone(), id, 2));
                String::new()
            }
            "DescribeStackEvents" => {
                self.go_on();
                format!("<StackEvents>{}</StackEvents>", self.events.concat())
            }
            other => panic!("nobody asks for `{other}`"),
        };
        let space = "http://cloudformation.amazonaws.com/doc/2010-05-15/";
        (
            StatusCode::OK,
            format!("<{action}Response xmlns=\"{space}\"><{action}Result>{result}</{action}Result></{action}Response>"),
        )
    }
}

async fn cloudformation() -> (String, Arc<Mutex<Stack>>) {
    let stack = Arc::new(Mutex::new(Stack::default()));
    let handler = |State(stack): State<Arc<Mutex<Stack>>>, headers: HeaderMap, body: String| async move {
        assert!(headers["authorization"].to_str().unwrap().contains("Credential=AKIDEXAMPLE/"), "signed by the key");
        let form = reqwest::Url::parse(&format!("http://x/?{body}")).unwrap();
        stack.lock().unwrap().answer(form.query_pairs().into_owned().collect())
    };
    let router = axum::Router::new().fallback(handler).with_state(Arc::clone(&stack));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, stack)
}

fn template(bucket: &str) -> String {
    format!("Resources:\n  Bucket:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketName: {bucket}\n")
}

async fn bench() -> Option<(Bench, Arc<Mutex<Stack>>)> {
    if !is_there("aws", "awscli") {
        return None;
    }
    let (url, stack) = cloudformation().await;
    let bench = Bench::of("cloudformation");
    bench.write("network.yaml", &template("b-1"));
    bench.write("network.json", r#"{"Capabilities": ["CAPABILITY_IAM"]}"#);
    let folder = bench.path().display().to_string();
    let bench = bench
        .with("SAYSO_CLOUDFORMATION_FOLDER", folder)
        .with("AWS_REGION", "eu-west-1")
        .with("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .with("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG")
        .with("AWS_ENDPOINT_URL", url);
    Some((bench, stack))
}

#[tokio::test]
async fn the_change_set_that_was_shown_is_executed() {
    let Some((bench, stack)) = bench().await else { return };
    let rig = bench.rig();
    let none = "there is no plan of `network` to apply: ask for `infra.plan workspace=network` first";
    assert_eq!(rig.refusal("infra.apply workspace=network").await, none);
    let (summary, output) = succeeds(&rig, "infra.plan workspace=network").await;
    assert_eq!(
        summary,
        "network: 1 to add, 0 to modify, 0 to remove. `infra.apply workspace=network` does exactly this"
    );
    assert_eq!(output.trim(), "add Bucket (AWS::S3::Bucket): properties");
    let shown = previewed(&rig, "infra.apply workspace=network").await.shown.unwrap();
    assert!(
        shown.starts_with("the plan sayso-") && shown.trim().ends_with("add Bucket (AWS::S3::Bucket): properties"),
        "{shown}"
    );
    assert_eq!(succeeds(&rig, "infra.apply workspace=network").await.0, "network is as planned");
    assert_eq!(stack.lock().unwrap().bucket, "b-1");
    assert_eq!(rig.refusal("infra.apply workspace=network").await, none, "it was applied once");
    let (summary, _) = succeeds(&rig, "infra.plan workspace=network").await;
    assert_eq!(summary, "network is as it should be, nothing to change");
    assert_eq!(rig.refusal("infra.apply workspace=network").await, none);

    // Somebody plans again: what was shown is not what would be done now.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    bench.write("network.yaml", &template("b-2"));
    let (_, output) = succeeds(&rig, "infra.plan workspace=network").await;
    assert_eq!(output.trim(), "modify Bucket (AWS::S3::Bucket), replaced: properties");
    let approved = rig.approved("infra.apply workspace=network").await;
    bench.write("network.yaml", &template("b-3"));
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    succeeds(&rig, "infra.plan workspace=network").await;
    let outcome = rig.execute(approved).await;
    assert_eq!(outcome.summary, "what would run now is not what was approved; nothing was done, ask again");
    assert_eq!(stack.lock().unwrap().bucket, "b-1");

    stack.lock().unwrap().fails = true;
    let outcome = rig.run("infra.apply workspace=network").await;
    assert_eq!(outcome.status, OutcomeStatus::Failed);
    let said = "`cloudformation` did not apply the plan of `network`, which is update rollback complete now: Bucket: b-2 already exists;";
    assert_eq!(outcome.summary.trim(), said);
}

#[tokio::test]
async fn what_cannot_be_planned_is_told() {
    let Some((bench, stack)) = bench().await else { return };
    let rig = bench.rig();
    bench.write("network.yaml", "Resources: {}\n");
    let told = rig.told("infra.plan workspace=network").await;
    assert!(
        told.starts_with("failed: `cloudformation` cannot plan `network`: An error occurred (ValidationError)"),
        "{told}"
    );
    bench.write("network.yaml", &template("forbidden"));
    let told = rig.told("infra.plan workspace=network").await;
    assert_eq!(told, "failed: `cloudformation` cannot plan `network`: Bucket names must not be forbidden");
    let told = rig.told("infra.plan workspace=nosuch").await;
    assert!(told.contains("cannot plan `nosuch`: ") && told.contains("nosuch.yaml"), "{told}");
    refuses_hostile(&rig, "infra.plan", "workspace").await;
    refuses_hostile(&rig, "infra.apply", "workspace").await;
    assert!(stack.lock().unwrap().asked.iter().all(|(action, _)| action != "ExecuteChangeSet"));
}
