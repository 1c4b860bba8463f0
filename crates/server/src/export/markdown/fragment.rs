//! One fragment of a message as a Markdown block. What is not known, or does not have its usual shape, becomes its
//! JSON in a fence: nothing is left out because it is new.

use holdfast_store::asset::references;
use holdfast_store::json::{self, as_text};

use super::images::Images;
use super::member;

/// The block of a fragment.
pub(super) fn render(fragment: &str, images: &Images) -> String {
    known(fragment, images).unwrap_or_else(|| fenced("json", fragment))
}

fn known(fragment: &str, images: &Images) -> Option<String> {
    let part = json::member(fragment, "part")?;
    match member(part, "pt").as_str() {
        "text" => text(part, "text"),
        "error" => Some(quoted(&format!("**Error:** {}", text(part, "error")?))),
        "reference" | "image_ref" => picture(fragment, part, images),
        "doc" => document(fragment, part),
        "tool_invocation" => call(json::member(part, "invocation")?),
        "tool_response" => response(part),
        "ma" => Some(folded("Reasoning", &text(part, "aText")?)),
        "annotations" => citations(json::member(part, "annotations")?),
        "ph" if json::member(part, "opLog").is_none() => Some(quoted(&text(part, "pText")?)),
        _ => None,
    }
}

fn text(object: &str, key: &str) -> Option<String> {
    json::member(object, key).and_then(as_text).map(Into::into)
}

/// A fence that nothing in `content` closes.
pub(super) fn fenced(language: &str, content: &str) -> String {
    let longest = content.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let language: String = language.chars().filter(|c| !c.is_whitespace() && *c != '`').collect();
    let end = if content.ends_with('\n') { "" } else { "\n" };
    format!("{fence}{language}\n{content}{end}{fence}")
}

fn quoted(content: &str) -> String {
    content.lines().map(|line| format!("> {line}")).collect::<Vec<_>>().join("\n")
}

fn folded(title: &str, content: &str) -> String {
    format!("<details><summary>{title}</summary>\n\n{content}\n\n</details>")
}

fn picture(fragment: &str, part: &str, images: &Images) -> Option<String> {
    let summary = json::member(part, "zRefSummary").and_then(|s| text(s, "text"));
    let names = [text(fragment, "title"), summary, text(part, "altText")];
    let label = names.into_iter().flatten().find(|name| !name.is_empty()).unwrap_or_default();
    if let Some(id) = references(part).first() {
        return Some(images.show(id, &label));
    }
    let source = json::member(part, "dataRef").filter(|r| member(r, "reftype") == "url");
    if let Some(url) = source.and_then(|r| text(r, "url")) {
        return Some(format!(
            "![{}](<{}>)",
            label.replace(['[', ']', '\n'], " "),
            url.replace(['<', '>', '\n'], "")
        ));
    }
    Some(images.show(&text(part, "zUuid")?, &label))
}

fn document(fragment: &str, part: &str) -> Option<String> {
    let data = json::member(part, "data")?;
    let content = text(data, "text")?;
    let title = text(part, "l1Title").or_else(|| text(fragment, "title")).unwrap_or_default();
    let caption = member(fragment, "caption");
    let language = json::member(part, "meta").and_then(|meta| text(meta, "codeLanguage")).unwrap_or_default();
    let about: Vec<&str> = [title.as_str(), &caption].into_iter().filter(|t| !t.is_empty()).collect();
    Some(format!("**Attachment:** {}\n\n{}", one_line(&about.join(", ")), fenced(&language, &content)))
}

fn call(invocation: &str) -> Option<String> {
    match member(invocation, "type").as_str() {
        "function_call" => {
            let name = one_line(&text(invocation, "name")?);
            Some(format!("**Tool call:** {name}\n\n{}", fenced("json", &text(invocation, "args")?)))
        }
        "code_execution" => {
            let language = member(invocation, "language");
            Some(format!("**Code run:**\n\n{}", fenced(&language, &text(invocation, "code")?)))
        }
        _ => None,
    }
}

fn response(part: &str) -> Option<String> {
    let response = json::member(part, "response")?;
    let title = match member(response, "type").as_str() {
        "function_call" => format!("**Tool result:** {}", one_line(&text(response, "name")?)),
        "code_execution" => "**Result of the code:**".to_owned(),
        _ => return None,
    };
    let error = match json::member(part, "error") {
        None | Some("false" | "null") => String::new(),
        Some(raw) => {
            format!("\n\n{}", quoted(&format!("**Error:** {}", as_text(raw).unwrap_or("failed".into()))))
        }
    };
    Some(format!("{title}{error}\n\n{}", fenced("", &text(response, "result")?)))
}

fn citations(annotations: &str) -> Option<String> {
    let mut lines = vec!["**Sources:**\n".to_owned()];
    for citation in json::elements(annotations)? {
        let url = text(citation, "url").filter(|_| member(citation, "type") == "citation")?;
        let title = text(citation, "title").filter(|t| !t.is_empty()).unwrap_or_else(|| url.clone());
        let title = one_line(&title).replace(['[', ']'], " ");
        lines.push(format!("- [{title}](<{}>)", url.replace(['<', '>', '\n'], "")));
    }
    Some(lines.join("\n"))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(fragment: &str) -> String {
        render(fragment, &Images::left_out())
    }

    #[test]
    fn text_is_written_as_it_stands() {
        let fragment = r#"{"ft":"content","part":{"pt":"text","text":"a\n```rust\nfn x() {}\n```\n  b "}}"#;
        assert_eq!(block(fragment), "a\n```rust\nfn x() {}\n```\n  b ");
    }

    #[test]
    fn what_is_unknown_is_shown_as_json() {
        for fragment in [
            r#"{"ft":"content","part":{"pt":"hologram","x":[1e400,"```"]}}"#,
            r#"{"ft":"content","part":{"pt":"text","text":7}}"#,
            r#"{"ft":"content"}"#,
            "7",
        ] {
            let shown = block(fragment);
            assert!(shown.contains(fragment) && shown.starts_with("```"), "{shown}");
        }
        assert!(block(r#"{"part":{"pt":"hologram","x":"```"}}"#).starts_with("````json"));
    }

    #[test]
    fn calls_results_errors_and_reasoning_are_readable() {
        for (part, expected) in [
            (r#"{"pt":"error","error":"no\nluck"}"#, "> **Error:** no\n> luck"),
            (
                r#"{"pt":"ma","aText":"think"}"#,
                "<details><summary>Reasoning</summary>\n\nthink\n\n</details>",
            ),
            (
                r#"{"pt":"tool_invocation","invocation":{"type":"function_call","name":"f","args":"{\"a\":1}"}}"#,
                "**Tool call:** f\n\n```json\n{\"a\":1}\n```",
            ),
            (
                r#"{"pt":"tool_response","error":"bad","response":{"type":"function_call","name":"f","result":"r"}}"#,
                "**Tool result:** f\n\n> **Error:** bad\n\n```\nr\n```",
            ),
            (
                r#"{"pt":"annotations","annotations":[{"type":"citation","url":"https://a.test","title":"A"}]}"#,
                "**Sources:**\n\n- [A](<https://a.test>)",
            ),
            (
                r#"{"pt":"doc","data":{"text":"x\n"},"l1Title":"n.txt","meta":{"codeLanguage":"txt"}}"#,
                "**Attachment:** n.txt\n\n```txt\nx\n```",
            ),
        ] {
            assert_eq!(block(&format!(r#"{{"ft":"content","part":{part}}}"#)), expected);
        }
    }
}
