//! Runs the script of the README as it is written.

use std::net::TcpListener;
use std::process::Command;

#[test]
fn the_script_shows_a_replay_being_caught() {
    let readme = include_str!("../../README.md");
    let script = readme.split("## Replay, caught").nth(1).unwrap().split("```").nth(1).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let program = env!("CARGO_BIN_EXE_hallpass-demo");
    let script = script
        .trim_start_matches("sh\n")
        .replace("cargo run --release -p hallpass-demo --", &format!("'{program}'"))
        .replace("127.0.0.1:8081", &format!("127.0.0.1:{port}"));
    let folder = tempfile::tempdir().unwrap();
    // Ends the program even if the script does not finish.
    let script = format!("trap 'kill $(jobs -p) 2>/dev/null' EXIT\n{script}");
    let output = Command::new("bash").args(["-c", &script]).current_dir(folder.path()).output().unwrap();

    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().skip_while(|line| *line != "ok").collect();
    let [_, restored, confirmed, thief, owner, told] = lines[..] else { panic!("{text}") };
    assert_eq!([restored, confirmed], [r#"{"user":"alice","how":"remembered","fresh":false}"#; 2]);
    assert!(thief.contains(r#""status":401"#) && owner.contains(r#""status":401"#), "{text}");
    assert!(told.starts_with("Someone used an old copy"), "{text}");
}
