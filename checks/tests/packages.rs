//! Published packages are complete and contain nothing else.

use std::fs;
use std::io::Result;
use std::path::{Path, PathBuf};

use hallpass_checks::{cargo, packages, root};
use serde_json::Value;

/// The size limit of a file in a package, in bytes.
const LARGEST: u64 = 256 * 1024;

/// The packages that can be published.
fn published() -> Result<Vec<Value>> {
    let mut packages = packages()?;
    packages.retain(|package| package["publish"].as_array().is_none_or(|to| !to.is_empty()));
    Ok(packages)
}

fn name(package: &Value) -> &str {
    package["name"].as_str().unwrap_or_default()
}

fn folder(package: &Value) -> PathBuf {
    let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

#[test]
fn every_package_says_what_it_is() {
    let published = published().unwrap();
    assert!(!published.is_empty());
    for package in &published {
        for field in ["description", "license", "repository", "rust_version", "readme"] {
            let value = package[field].as_str().unwrap_or_default();
            assert!(!value.is_empty(), "{} has no {field}", name(package));
        }
        let keywords = package["keywords"].as_array().unwrap();
        assert!((1..=5).contains(&keywords.len()), "{} has {} keywords", name(package), keywords.len());
        let short = |keyword: &Value| keyword.as_str().is_some_and(|keyword| keyword.len() <= 20);
        assert!(keywords.iter().all(short), "{} has a keyword of more than 20 characters", name(package));
        assert!(!package["categories"].as_array().unwrap().is_empty(), "{} has no category", name(package));
    }
}

#[test]
fn every_member_has_a_readme_and_the_lints_of_the_workspace() {
    for package in packages().unwrap() {
        let readme = fs::read_to_string(folder(&package).join("README.md")).unwrap_or_default();
        assert!(readme.starts_with("# "), "{} has no README.md with a title", name(&package));
        let manifest = fs::read_to_string(folder(&package).join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{} lacks the lints", name(&package));
    }
}

#[test]
fn the_readme_of_a_library_is_its_documentation() {
    for package in published().unwrap() {
        let library = fs::read_to_string(folder(&package).join("src/lib.rs")).unwrap();
        assert!(library.contains(r#"#![doc = include_str!("../README.md")]"#), "{}", name(&package));
    }
}

#[test]
fn a_package_holds_what_it_needs_and_no_more() {
    for package in published().unwrap() {
        let name = name(&package);
        let list = cargo(&["package", "--list", "--allow-dirty", "--offline", "-p", name]).unwrap();
        let entries: Vec<&str> = list.lines().collect();
        for needed in ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "src/lib.rs"] {
            assert!(entries.contains(&needed), "{name} is packed without {needed}");
        }
        for entry in entries {
            let stray = entry.starts_with('.') && entry != ".cargo_vcs_info.json";
            assert!(!stray && !entry.starts_with("target/"), "{name} packs {entry}");
            // Cargo generates the manifest, its lock file and its note about git itself.
            let len = fs::metadata(folder(&package).join(entry)).map_or(0, |found| found.len());
            assert!(len <= LARGEST, "{name} packs {entry} with {len} bytes");
        }
    }
}

#[test]
fn every_folder_with_a_manifest_is_a_member() {
    let members: Vec<PathBuf> = packages().unwrap().iter().map(folder).collect();
    for entry in fs::read_dir(root()).unwrap() {
        let folder = entry.unwrap().path();
        // fuzz is a separate workspace, because it needs nightly.
        if folder.join("Cargo.toml").is_file() && !folder.ends_with("fuzz") {
            assert!(members.contains(&folder), "{} is not a member of the workspace", folder.display());
        }
    }
}
