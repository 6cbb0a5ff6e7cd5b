#![doc = include_str!("../README.md")]

use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

/// The root README, whose program rustdoc compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct Readme;

/// The page of concepts, whose example of adding a kind rustdoc compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../docs/concepts.md")]
#[derive(Debug)]
pub struct Concepts;

/// Folders with generated files.
const MADE_BY_TOOLS: [&str; 4] = [".git", "target", "hallpass-demo-data", "node_modules"];

/// One file of the workspace.
#[derive(Debug)]
pub struct File {
    /// Its path from the root of the workspace, with `/` between folders.
    pub path: String,
    /// Its whole text.
    pub text: String,
}

/// The root of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    let checks = Path::new(env!("CARGO_MANIFEST_DIR"));
    checks.parent().unwrap_or(checks).to_path_buf()
}

/// Every file of the workspace whose name ends in `.` and `extension`, sorted by path.
///
/// # Errors
/// If a file cannot be read.
pub fn files(extension: &str) -> Result<Vec<File>> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
            if path.is_dir() {
                if !MADE_BY_TOOLS.iter().any(|made| name == *made) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|found| found == extension) {
                let relative = path.strip_prefix(root()).unwrap_or(&path);
                let path_text = relative.to_string_lossy().replace('\\', "/");
                found.push(File { path: path_text, text: fs::read_to_string(&path)? });
            }
        }
    }
    found.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

/// Reads one page of the workspace.
///
/// # Errors
/// If it cannot be read.
pub fn page(path: &str) -> Result<String> {
    fs::read_to_string(root().join(path))
}

/// What cargo reports about the members of the workspace.
///
/// # Errors
/// If cargo fails.
pub fn packages() -> Result<Vec<Value>> {
    let answer = cargo(&["metadata", "--no-deps", "--offline", "--format-version", "1"])?;
    let metadata: Value = serde_json::from_str(&answer)?;
    Ok(metadata["packages"].as_array().cloned().unwrap_or_default())
}

/// Runs cargo at the root of the workspace and returns its output.
///
/// # Errors
/// If cargo fails, with its own message.
pub fn cargo(arguments: &[&str]) -> Result<String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(arguments).current_dir(root()).output()?;
    if !output.status.success() {
        return Err(Error::other(String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
