//! Content security policies: our script and its requests to its own origin get through, and nothing else that did not.

use axum::http::{HeaderMap, HeaderValue, header};

const SELF: &str = "'self'";
/// The first of these that a policy has decides about scripts.
const SCRIPTS: [&str; 3] = ["script-src-elem", "script-src", "default-src"];
/// The same for requests.
const REQUESTS: [&str; 2] = ["connect-src", "default-src"];

/// Lets the bridge through the policies of a page. The nonce is one of the page's own, for the script to carry; a
/// nonce that the page does not have would switch off its `'unsafe-inline'`.
pub(super) fn admit(headers: &mut HeaderMap) -> Option<String> {
    let name = header::CONTENT_SECURITY_POLICY;
    let policies: Vec<HeaderValue> = headers.get_all(&name).iter().cloned().collect();
    headers.remove(&name);
    let mut nonce = None;
    for value in policies {
        let text = value.to_str().ok().map(|text| {
            let one = |policy| reach(&run(policy, &mut nonce));
            text.split(',').map(one).collect::<Vec<_>>().join(",")
        });
        let value = text.and_then(|text| HeaderValue::from_str(&text).ok()).unwrap_or(value);
        headers.append(&name, value);
    }
    nonce
}

/// The policy with requests to the page's own origin.
pub(super) fn reach(policy: &str) -> String {
    match deciding(policy, &REQUESTS) {
        Some((name, sources)) if !has_self(&sources) => add_self(policy, name, &sources, REQUESTS[0]),
        Some(_) | None => policy.to_owned(),
    }
}

/// The policy with our script: by the nonce that it has, or by adding `'self'`.
fn run(policy: &str, nonce: &mut Option<String>) -> String {
    let Some((name, sources)) = deciding(policy, &SCRIPTS) else { return policy.to_owned() };
    // With it, hosts and 'self' count for nothing.
    let is_strict = sources.contains(&"'strict-dynamic'");
    if has_self(&sources) && !is_strict {
        return policy.to_owned();
    }
    let own = sources.iter().find_map(|source| nonce_of(source));
    if let Some(own) = own.filter(|own| nonce.as_deref().is_none_or(|other| other == *own)) {
        *nonce = Some(own.to_owned());
        return policy.to_owned();
    }
    add_self(policy, name, &sources, SCRIPTS[1])
}

fn has_self(sources: &[&str]) -> bool {
    sources.iter().any(|source| source.eq_ignore_ascii_case(SELF) || *source == "*")
}

fn nonce_of<'a>(source: &&'a str) -> Option<&'a str> {
    let nonce = source.strip_prefix("'nonce-")?.strip_suffix('\'')?;
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=-_".contains(c);
    nonce.chars().all(is_base64).then_some(nonce)
}

/// The first of `names` that a policy has, and its sources.
fn deciding<'a>(policy: &'a str, names: &[&'static str]) -> Option<(&'static str, Vec<&'a str>)> {
    names.iter().find_map(|name| {
        let directives = policy.split(';').map(str::split_ascii_whitespace);
        let mut found = directives.filter_map(|mut words| {
            let is_it = words.next().is_some_and(|word| word.eq_ignore_ascii_case(name));
            is_it.then(|| words.collect())
        });
        found.next().map(|sources| (*name, sources))
    })
}

/// The policy where the directive `name` has `'self'` too. What `default-src` says stays for everything but `own`.
fn add_self(policy: &str, name: &str, sources: &[&str], own: &str) -> String {
    let wider: Vec<&str> =
        sources.iter().copied().filter(|s| !s.eq_ignore_ascii_case("'none'")).chain([SELF]).collect();
    if name == "default-src" {
        return format!("{}; {own} {}", policy.trim_end().trim_end_matches(';'), wider.join(" "));
    }
    let directive = |text: &str| {
        let is_it = text.split_ascii_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case(name));
        if is_it { format!(" {name} {}", wider.join(" ")) } else { text.to_owned() }
    };
    policy.split(';').map(directive).collect::<Vec<_>>().join(";").trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_lets_the_bridge_through_and_stays_as_narrow_otherwise() {
        for (policy, expected) in [
            ("script-src 'self' 'unsafe-inline'; img-src *", "script-src 'self' 'unsafe-inline'; img-src *"),
            ("img-src 'none'", "img-src 'none'"),
            ("script-src 'none'", "script-src 'self'"),
            ("img-src *; SCRIPT-SRC https://cdn.test", "img-src *; script-src https://cdn.test 'self'"),
            (
                "script-src-elem https://a; script-src 'self'",
                "script-src-elem https://a 'self'; script-src 'self'",
            ),
            (
                "default-src https://a;",
                "default-src https://a; script-src https://a 'self'; connect-src https://a 'self'",
            ),
            (
                "default-src 'self'; connect-src https://api",
                "default-src 'self'; connect-src https://api 'self'",
            ),
            ("default-src *", "default-src *"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_SECURITY_POLICY, policy.parse().unwrap());
            assert_eq!(admit(&mut headers), None, "{policy}");
            assert_eq!(headers[header::CONTENT_SECURITY_POLICY], expected);
        }
    }

    #[test]
    fn a_nonce_of_the_page_is_used_again_and_none_is_added() {
        let policy = "script-src 'nonce-a1+/=' 'strict-dynamic' 'self'; connect-src 'self'";
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.parse().unwrap());
        headers.append(header::CONTENT_SECURITY_POLICY, "script-src 'nonce-other'".parse().unwrap());
        assert_eq!(admit(&mut headers).as_deref(), Some("a1+/="));
        let policies: Vec<_> = headers.get_all(header::CONTENT_SECURITY_POLICY).iter().collect();
        assert_eq!(policies, [policy, "script-src 'nonce-other' 'self'"]);
    }
}
