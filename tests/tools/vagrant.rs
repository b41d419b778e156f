//! Vagrant itself, with a provider of our own whose machines are files: no hypervisor, and so no real machine.

use crate::tool::{Bench, is_there, previewed, refuses_hostile, succeeds};

/// Machines are files with their state in them. One with a file `.broken` beside it cannot be acted upon.
const VAGRANTFILE: &str = r##"
module Pretend
  def self.file(machine) = File.join(machine.env.root_path, "#{machine.name}.state")

  class Step
    def initialize(app, env, name) = (@app, @name = app, name)

    def call(env)
      machine = env[:machine]
      if File.exist?(Pretend.file(machine) + ".broken")
        raise Vagrant::Errors::VagrantError.new, "the lid of #{machine.name} is closed"
      end
      env[:ui].info("#{@name} goes on")
      File.write(Pretend.file(machine), @name == :halt ? "poweroff" : "running")
      File.write(Pretend.file(machine) + ".log", "#{@name}\n", mode: "a")
      @app.call(env)
    end
  end

  class Provider < Vagrant.plugin("2", :provider)
    def initialize(machine) = @machine = machine
    def action(name) = %i[up halt reload].include?(name) ? Vagrant::Action::Builder.new.use(Step, name) : nil

    def state
      file = Pretend.file(@machine)
      id = File.exist?(file) ? File.read(file).to_sym : :not_created
      Vagrant::MachineState.new(id, id.to_s.tr("_", " "), "The file says so, and it is #{id}.")
    end
  end

  class Plugin < Vagrant.plugin("2")
    name "pretend"
    provider(:pretend, box_optional: true) { Provider }
  end
end

Vagrant.configure("2") do |config|
  %w[web1 web10 db.main].each do |name|
    config.vm.define(name) { |machine| machine.vm.provider(:pretend) }
  end
end
"##;

#[tokio::test]
async fn machines_of_a_vagrantfile() {
    if !is_there("vagrant", "vagrant") {
        return;
    }
    let bench = Bench::of("vagrant");
    bench.write("Vagrantfile", VAGRANTFILE);
    let folder = bench.path().display().to_string();
    let home = bench.path().join("home").display().to_string();
    let bench = bench
        .with("SAYSO_VAGRANT_FOLDER", folder)
        .with("VAGRANT_HOME", home)
        .with("VAGRANT_DEFAULT_PROVIDER", "pretend")
        .with("SAYSO_ENVIRONMENT", "lab");
    let rig = bench.rig();

    let (summary, output) = succeeds(&rig, "service.list").await;
    assert_eq!(summary, "3 machines, 0 of them running");
    assert!(output.contains("web1 ") && output.contains("db.main") && output.contains("not created"), "{output}");
    let line = "service.start service=web1 environment=lab host=testhost";
    let shown = previewed(&rig, line).await;
    assert_eq!(shown.shown.as_deref(), Some("web1 is not created"));
    assert_eq!(shown.undo.as_deref(), Some("service.stop service=web1 environment=lab host=testhost"));
    assert_eq!(succeeds(&rig, line).await.0, "web1 was started");
    assert_eq!(bench.read("web1.state").as_deref(), Some("running"));
    assert_eq!(succeeds(&rig, "service.list environment=lab").await.0, "3 machines, 1 of them running");
    let (summary, output) = succeeds(&rig, "service.status service=web1").await;
    assert_eq!((summary.as_str(), output.as_str()), ("web1 is running", "The file says so, and it is running."));
    assert_eq!(previewed(&rig, "service.start service=web1").await.undo, None, "it runs already");
    assert_eq!(succeeds(&rig, "service.restart service=web1").await.0, "web1 was restarted");
    assert_eq!(succeeds(&rig, "service.stop service=web1").await.0, "web1 was stopped");
    assert_eq!(bench.read("web1.state.log").as_deref(), Some("up\nreload\nhalt\n"));
    assert_eq!((bench.read("web10.state"), bench.read("db.main.state")), (None, None), "nobody else was meant");
    assert_eq!(succeeds(&rig, "service.status service=web1").await.0, "web1 is poweroff");

    bench.write("db.main.state.broken", "");
    let told = rig.told("service.start service=db.main").await;
    assert_eq!(told, "failed: `vagrant` did not start `db.main`: the lid of db.main is closed");
    let told = rig.told("service.status service=web").await;
    assert_eq!(told, "failed: `vagrant` knows no machine `web`");
    let plan = rig.plan("service.stop service=dbxmain").await.unwrap();
    let said = rig.planner.preview(&plan).await.unwrap_err().to_string();
    assert!(said.contains("knows no machine `dbxmain`"), "a dot is a dot: {said}");
    let told = rig.told("service.stop service=nosuch").await;
    assert!(
        told.starts_with("failed: `vagrant` did not stop `nosuch`: The machine with the name 'nosuch' was not found"),
        "{told}"
    );
    for line in ["service.status", "service.start", "service.stop", "service.restart"] {
        refuses_hostile(&rig, line, "service").await;
    }
    let said = rig.refusal("service.stop service=web1 environment=production").await;
    assert_eq!(said, "`vagrant` serves only `lab` as `environment`, not `production`");

    bench.write("Vagrantfile", "Vagrant.configure(");
    let told = rig.told("service.list").await;
    assert!(told.starts_with("failed: `vagrant` cannot tell: ") && told.contains("syntax error"), "{told}");
}
