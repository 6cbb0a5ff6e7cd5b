//! The imports between the modules of a crate have no cycle.
//!
//! For its neighbours a folder is one module; the files inside it are checked separately. A module may name its
//! parent, and a module its own parts.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Result;

use hallpass_checks::files;

/// The crates whose modules have no cycle.
const CLEAN: [&str; 11] = [
    "batch",
    "bench",
    "conformance-tests",
    "core",
    "soak",
    "store-postgres",
    "store-redis",
    "store-sled",
    "test-servers",
    "tower-sessions-bridge",
    "web",
];

type Graph = BTreeMap<String, BTreeSet<String>>;

/// Which module of a crate imports from which.
fn imports(member: &str) -> Result<Graph> {
    let folder = format!("{member}/src/");
    let sources: Vec<_> = files("rs")?.into_iter().filter(|file| file.path.starts_with(&folder)).collect();
    let names: BTreeSet<&str> = sources.iter().filter_map(|file| module(&file.path, &folder)).collect();
    let mut graph = Graph::new();
    for file in &sources {
        let Some(name) = module(&file.path, &folder) else { continue };
        let (room, part) = name.split_once('/').map_or((name, None), |(room, _)| (room, Some(name)));
        let code: String =
            file.text.lines().take_while(|line| *line != "#[cfg(test)]").filter(is_code).collect();
        let rooms = graph.entry(room.to_owned()).or_default();
        rooms.extend(
            named(&code, "crate::")
                .filter(|found| *found != room && names.contains(found))
                .map(str::to_owned),
        );
        if let Some((part, (inside, _))) = part.and_then(|part| Some((part, part.rsplit_once('/')?))) {
            let siblings = named(&code, "super::").map(|found| format!("{inside}/{found}"));
            let siblings: BTreeSet<String> =
                siblings.filter(|found| names.contains(found.as_str())).collect();
            graph.insert(part.to_owned(), siblings);
        }
    }
    Ok(graph)
}

/// `tokens/issue` for `core/src/tokens/issue.rs`; `None` for the root of a crate.
fn module<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    path.strip_prefix(folder)?.strip_suffix(".rs").filter(|name| !matches!(*name, "lib" | "main"))
}

fn is_code(line: &&str) -> bool {
    !line.trim_start().starts_with("//")
}

/// The names that follow `start` in `code`.
fn named<'a>(code: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    code.split(start)
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next())
}

/// The modules on a cycle.
fn in_circles(graph: &Graph) -> BTreeSet<&str> {
    let reaches_itself = |start: &&str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![*start]);
        while let Some(module) = open.pop() {
            for next in graph.get(module).into_iter().flatten() {
                if next == start {
                    return true;
                }
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
        false
    };
    graph.keys().map(String::as_str).filter(reaches_itself).collect()
}

#[test]
fn no_module_imports_from_one_that_imports_from_it() {
    for member in CLEAN {
        let graph = imports(member).unwrap();
        assert!(graph.len() > 5, "{member}: only {} modules", graph.len());
        assert!(in_circles(&graph).is_empty(), "{member}: {:?}", in_circles(&graph));
    }
}

#[test]
fn a_circle_is_found() {
    let module = |name: &str, imports: &[&str]| {
        (name.to_owned(), imports.iter().map(ToString::to_string).collect::<BTreeSet<_>>())
    };
    let graph =
        Graph::from([module("a", &["b"]), module("b", &["c"]), module("c", &["b"]), module("d", &["a"])]);
    assert_eq!(in_circles(&graph), BTreeSet::from(["b", "c"]));
}
