//! Where a server is taken from, and what is reported on a machine without one. The environment is read once per
//! process, so each case is a child process with its own environment.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking, and measure real time")]

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use hallpass_test_servers::{Error, Launch, Origin, Server, needed, postgres, redis};

const CASE: &str = "HALLPASS_TEST_LADDER";

#[test]
fn child() {
    // Not started as a child: there is nothing to do.
    let Ok(case) = env::var(CASE) else { return };
    let found = match case.as_str() {
        "redis" => redis(),
        "postgres" => postgres(),
        other => Launch::new(hallpass_test_servers::Backend::Redis).setting(other, "yes").start(),
    };
    match needed("the child", found) {
        Ok(Some(server)) => println!("\nfound {:?} {:?}", server.origin(), server.stop().is_ok()),
        Ok(None) => println!("\nleft out"),
        Err(error) => println!("\nfailed {error}"),
    }
}

/// The output of a child: what it printed, and its standard error.
fn run(case: &str, variables: &[(&str, &str)]) -> (String, String) {
    let mut command = Command::new(env::current_exe().unwrap());
    for (variable, _) in env::vars().filter(|(name, _)| name == "CI" || name.starts_with("HALLPASS_")) {
        command.env_remove(variable);
    }
    // Without --nocapture: this is the standard error that a developer sees of a test that passes.
    command.args(["child", "--exact", "--show-output"]).env(CASE, case);
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let said = |line: &&str| ["found ", "left out", "failed "].iter().any(|word| line.starts_with(word));
    let line = lines.lines().find(said).unwrap_or(&lines).to_owned();
    (line, String::from_utf8(output.stderr).unwrap())
}

const NO_DOCKER: (&str, &str) = ("DOCKER_HOST", "unix:///nonexistent/docker.sock");

fn local_redis() -> Option<Server> {
    needed("ladder", Launch::new(hallpass_test_servers::Backend::Redis).only(Origin::Local).start()).unwrap()
}

#[test]
fn a_url_comes_before_local_programs() {
    let Some(server) = local_redis() else { return };
    let url = ("HALLPASS_REDIS_URL", server.url());
    assert_eq!(run("redis", &[url]).0, "found Environment false");
    assert_eq!(run("redis", &[]).0, "found Local true");
    assert_eq!(run("redis", &[url, ("HALLPASS_SERVERS", "local,environment")]).0, "found Local true");
}

#[test]
fn a_test_with_settings_of_its_own_passes_the_url_over() {
    let Some(server) = local_redis() else { return };
    let url = ("HALLPASS_REDIS_URL", server.url());
    assert_eq!(run("lazyfree-lazy-expire", &[url]).0, "found Local true");
    let (line, _) = run("lazyfree-lazy-expire", &[url, ("HALLPASS_SERVERS", "environment"), ("CI", "true")]);
    assert!(line.contains("cannot change the settings of a server from the environment"), "{line}");
}

#[test]
fn a_url_that_does_not_work_is_no_reason_to_look_elsewhere() {
    for (case, variable, url, reason) in [
        ("redis", "HALLPASS_REDIS_URL", "redis://127.0.0.1:1", "nothing answers at 127.0.0.1:1"),
        ("redis", "HALLPASS_REDIS_URL", "http://:secret@127.0.0.1", "begins neither with redis:// nor"),
        ("redis", "HALLPASS_REDIS_URL", "secret", "relative URL without a base"),
        ("postgres", "HALLPASS_POSTGRES_URL", "postgres:///db", "names no host"),
        ("postgres", "HALLPASS_POSTGRES_URL", "postgres://u:secret@[::1]:1/db", "nothing answers at [::1]:1"),
    ] {
        let (line, _) = run(case, &[(variable, url)]);
        assert!(line.starts_with(&format!("failed {variable}: {reason}")), "{line}");
        assert!(!line.contains("secret"), "{line}");
    }
}

#[test]
fn a_url_of_something_else_is_refused() {
    let Some(server) = local_redis() else { return };
    let url = server.url().replace("redis://", "postgres://");
    let (line, _) = run("postgres", &[("HALLPASS_POSTGRES_URL", &url)]);
    assert!(line.starts_with("failed HALLPASS_POSTGRES_URL: nothing answers"), "{line}");
}

#[test]
fn a_laptop_says_what_did_not_run() {
    for case in ["redis", "postgres"] {
        let (line, stderr) = run(case, &[("HALLPASS_SERVERS", "environment,container"), NO_DOCKER]);
        assert_eq!(line, "left out");
        assert!(stderr.starts_with("NOT RUN: the child: no "), "{stderr}");
        assert!(stderr.contains("_URL is not set; no container of "), "{stderr}");
    }
    let (line, stderr) = run("redis", &[("HALLPASS_SERVERS", "local"), ("PATH", "/nonexistent")]);
    assert_eq!(line, "left out");
    assert!(stderr.contains("no redis-server or valkey-server on the PATH"), "{stderr}");
}

#[test]
fn ci_leaves_nothing_out() {
    for (variable, value) in [("CI", "true"), ("CI", "1"), ("HALLPASS_FULL", "1")] {
        let ci = [(variable, value), ("HALLPASS_SERVERS", "container"), NO_DOCKER];
        let (line, stderr) = run("redis", &ci);
        assert!(line.starts_with("failed no Redis: no container of redis:"), "{line}");
        assert!(!stderr.contains("NOT RUN"), "{stderr}");
    }
    assert_eq!(run("redis", &[("CI", "false"), ("HALLPASS_SERVERS", "environment")]).0, "left out");
}

#[test]
fn a_misspelt_place_is_refused() {
    let (line, _) = run("redis", &[("HALLPASS_SERVERS", "local,dokcer")]);
    assert!(line.starts_with("failed HALLPASS_SERVERS: \"dokcer\" is none of"), "{line}");
}

/// A folder with `program` in its usr/bin: it starts this machine's redis-server, and leaves a mark beside itself.
fn root(program: &str) -> PathBuf {
    let root =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("root-{}-{program}", std::process::id()));
    let bin = root.join("usr/bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(bin.join(program), "#!/bin/sh\n: >\"$0-ran\"\nexec redis-server \"$@\"\n").unwrap();
    fs::set_permissions(bin.join(program), Permissions::from_mode(0o755)).unwrap();
    root
}

#[test]
fn a_root_comes_before_the_programs_of_the_machine() {
    if local_redis().is_none() {
        return;
    }
    for (program, flavour) in [("redis-server", ""), ("valkey-server", ""), ("valkey-server", "valkey")] {
        let root = root(program);
        let variables = [("HALLPASS_TEST_ROOT", root.to_str().unwrap()), ("HALLPASS_TEST_REDIS", flavour)];
        let (line, stderr) = run("redis", &variables);
        assert_eq!(line, "found Local true", "{stderr}");
        assert!(root.join(format!("usr/bin/{program}-ran")).exists());
        assert!(
            stderr.starts_with("server: Redis ") && stderr.ends_with(", from local programs\n"),
            "{stderr}"
        );
        fs::remove_dir_all(root).unwrap();
    }
}

#[test]
fn nothing_is_taken_from_elsewhere_where_a_root_lacks_it() {
    let root = root("redis-server");
    let variable = ("HALLPASS_TEST_ROOT", root.to_str().unwrap());
    for (case, flavour, missing) in
        [("postgres", "", "postgres and initdb"), ("redis", "valkey", "valkey-server")]
    {
        let (line, _) = run(case, &[variable, ("HALLPASS_TEST_REDIS", flavour)]);
        let expected = format!("no {missing} in {} (HALLPASS_TEST_ROOT)", root.display());
        assert!(line.starts_with("failed no ") && line.ends_with(&expected), "{line}");
    }
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn a_root_or_a_flavour_that_does_not_exist_is_refused() {
    for (variable, value, reason) in [
        (
            "HALLPASS_TEST_ROOT",
            "/nonexistent",
            "/nonexistent is not the absolute path of a folder that has usr in it",
        ),
        ("HALLPASS_TEST_ROOT", "src", "src is not the absolute path of a folder that has usr in it"),
        ("HALLPASS_TEST_REDIS", "keydb", "\"keydb\" is neither redis nor valkey"),
    ] {
        let (line, _) = run("redis", &[(variable, value)]);
        assert_eq!(line, format!("failed {variable}: {reason}"));
    }
}

#[test]
fn an_error_is_not_the_end_of_the_story() {
    let error = Error::Unsupported { action: "stop", origin: Origin::Environment };
    assert_eq!(error.to_string(), "cannot stop a server from the environment");
}
