//! Nothing undocumented: every route, error code, command, flag and variable stands in `docs/`, and what the
//! documents name is real.

#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn openapi() -> Value {
    serde_json::from_str(&file("openapi.json")).unwrap()
}

/// `/api/chats/{}` for `/api/chats/{id}`: the names of parameters are free.
fn unnamed(path: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in path.chars() {
        inside = (inside || c == '{') && c != '}';
        if !inside || c == '{' {
            out.push(c);
        }
    }
    out
}

fn routes() -> BTreeSet<(String, String)> {
    let document = openapi();
    let mut routes = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "put", "post", "patch", "delete"].into_iter().filter(|m| item.get(m).is_some())
        {
            routes.insert((unnamed(path), method.to_uppercase()));
        }
    }
    routes
}

/// The cells of all table rows of a document, without their back-quotes.
fn rows(text: &str) -> Vec<Vec<String>> {
    text.lines()
        .filter_map(|line| line.strip_prefix('|'))
        .map(|line| line.split('|').map(|cell| cell.trim().replace('`', "")).collect())
        .collect()
}

fn help(arguments: &[&str]) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_holdfast")).args(arguments).arg("--help").output().unwrap();
    assert!(out.status.success(), "{arguments:?} --help: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// All commands, those below another one too, each as its words.
fn commands(above: &[&str]) -> Vec<Vec<String>> {
    let names: Vec<String> = help(above)
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .filter(|command| command != "help")
        .collect();
    let mut all = Vec::new();
    for name in names {
        let words: Vec<&str> = above.iter().copied().chain([name.as_str()]).collect();
        let below = commands(&words);
        all.push(words.into_iter().map(str::to_owned).collect());
        all.extend(below);
    }
    all
}

/// The words of a text that begin like `start` and go on with letters, digits, `-` and `_`.
fn words(text: &str, start: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
        .filter(|word| {
            word.strip_prefix(start).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_route_is_documented_and_every_documented_route_exists() {
    let mut documented = BTreeSet::new();
    for cells in rows(&file("docs/api.md")).iter().filter(|cells| cells[0].starts_with('/')) {
        for method in cells[1].split(',') {
            documented.insert((unnamed(&cells[0]), method.trim().to_owned()));
        }
    }
    let mut routes = routes();
    // The document and its explorer are not described by the document.
    for path in ["/openapi.json", "/api/docs"] {
        routes.insert((path.to_owned(), "GET".to_owned()));
    }
    assert_eq!(
        routes.difference(&documented).collect::<Vec<_>>(),
        Vec::<&(String, String)>::new(),
        "not in docs/api.md"
    );
    assert_eq!(
        documented.difference(&routes).collect::<Vec<_>>(),
        Vec::<&(String, String)>::new(),
        "only in docs/api.md"
    );
}

#[test]
fn every_error_code_is_documented_and_every_documented_code_exists() {
    let document = openapi();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let codes: BTreeSet<String> = schemas
        .values()
        .filter_map(|schema| schema["enum"].as_array())
        .find(|names| names.iter().any(|name| name == "revision_conflict"))
        .expect("openapi.json has the enum of error codes")
        .iter()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    let text = file("docs/api.md");
    let table = text.split("## Error codes").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let documented: BTreeSet<String> =
        rows(table).into_iter().skip(2).filter_map(|cells| cells.into_iter().next()).collect();
    assert_eq!(documented, codes, "docs/api.md and the codes in openapi.json");
}

#[test]
fn every_command_flag_and_variable_is_documented_and_nothing_else_is() {
    let text = file("docs/operations.md");
    let (mut flags, mut variables) = (BTreeSet::new(), BTreeSet::new());
    for command in commands(&[]) {
        let said = format!("`holdfast {}", command.join(" "));
        assert!(text.contains(&said), "{said}` is not in docs/operations.md");
        let words_of: Vec<&str> = command.iter().map(String::as_str).collect();
        let help = help(&words_of);
        flags.append(&mut words(&help, "--"));
        variables.append(&mut words(&help, "HOLDFAST_"));
    }
    flags.remove("--help");
    flags.remove("--version");
    assert_eq!(words(&text, "--"), flags, "flags in docs/operations.md and in --help");
    assert_eq!(words(&text, "HOLDFAST_"), variables, "variables in docs/operations.md and in --help");
}

#[test]
fn every_table_and_view_is_documented() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../store/migrations/sqlite");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let schema: String = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let text = file("docs/schema.md");
    let documented: BTreeSet<String> =
        rows(&text).into_iter().filter_map(|cells| cells.into_iter().next()).collect();
    for name in schema
        .lines()
        .filter_map(|line| line.strip_prefix("CREATE TABLE ").or(line.strip_prefix("CREATE VIEW ")))
    {
        let name = name.split_whitespace().next().unwrap_or_default();
        assert!(documented.contains(name), "{name} is not in docs/schema.md");
    }
}
