//! The example harness works: the suite runs on a server that the harness launches, injects faults, and kills a
//! child.

use std::process::Command;

use hallpass_test_servers::{Program, needed};

#[test]
fn the_harness_to_copy_runs_the_suite() {
    let redis = Program::new("Redis", ["redis-server", "--port", "{port}"]).start();
    if needed("the harness to copy", redis).unwrap().is_none() {
        return;
    }
    // Cargo builds the examples of a package in the same target folder as its tests.
    let test = std::env::current_exe().unwrap();
    let harness = test.parent().unwrap().parent().unwrap().join("examples/harness");
    let folder = std::env::temp_dir().join(format!("hallpass-harness-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let [junit, json] = ["{backend}.xml", "{backend}.json"].map(|name| folder.join(name));
    for (only, passed) in [("outage::", 5), ("crash::", 4), ("delete::", 4)] {
        let mut command = Command::new(&harness);
        command.args(["--strict", only]).arg("--junit").arg(&junit).arg("--json").arg(&json);
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let (last, errors) =
            (text.lines().last().unwrap_or_default(), String::from_utf8_lossy(&output.stderr));
        assert!(last.starts_with(&format!("conformance: {passed} passed, 0 failed,")), "{text}\n{errors}");
        assert!(output.status.success(), "{text}\n{errors}");
    }
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert!(read("mine_1_0.xml").contains("classname=\"conformance.delete\""));
    assert!(read("mine_1_0.json").contains("\"id\": \"delete::"));
    std::fs::remove_dir_all(folder).unwrap();
}
