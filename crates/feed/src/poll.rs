//! Answers of servers that are polled: JSON instead of an event stream.

use bytes::{BufMut as _, Bytes, BytesMut};
use futures::Stream;
use serde_json::value::RawValue;

use crate::{
    transport::essence,
    trouble::{End, Trouble},
};

/// Whether an answer is JSON, or JSON values one a line.
pub(crate) fn is_json(content_type: &str) -> bool {
    let essence = essence(content_type).unwrap_or_default();
    matches!(
        essence.as_str(),
        "application/json"
            | "text/json"
            | "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/json-seq"
    ) || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The answer as an event stream: each element of an array, and each value
/// that is none, is the data of one event, byte for byte.
pub(crate) fn to_events(
    response: reqwest::Response,
    limit: usize,
) -> impl Stream<Item = Result<Bytes, End>> {
    futures::stream::once(async move {
        let answer = whole(response, limit).await?;
        events(&answer).map_err(|why| {
            let detail = format!("the answer is no JSON: {why}");
            Trouble::Broken { detail }.into()
        })
    })
}

/// Reads an answer, decompressed, no further than the limit.
async fn whole(mut response: reqwest::Response, limit: usize) -> Result<BytesMut, End> {
    let broken = |error: reqwest::Error| Trouble::Broken {
        detail: error.to_string(),
    };
    let mut answer = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if answer.len() + chunk.len() > limit {
            return Err(Trouble::LongAnswer { limit }.into());
        }
        answer.extend_from_slice(&chunk);
    }
    Ok(answer)
}

fn events(answer: &[u8]) -> serde_json::Result<Bytes> {
    let mut written = BytesMut::with_capacity(answer.len() + answer.len() / 8);
    // Records of a JSON text sequence begin with this byte (RFC 7464).
    let answer: Vec<u8> = answer.iter().copied().filter(|&b| b != 0x1E).collect();
    for value in serde_json::Deserializer::from_slice(&answer).into_iter::<&RawValue>() {
        let value = value?.get();
        if value.starts_with('[') {
            let elements: Vec<&RawValue> = serde_json::from_str(value)?;
            for element in elements {
                put(&mut written, element.get());
            }
        } else {
            put(&mut written, value);
        }
    }
    Ok(written.freeze())
}

fn put(written: &mut BytesMut, json: &str) {
    // JSON holds line breaks only between its tokens.
    for line in json.split(['\n', '\r']) {
        written.put_slice(b"data: ");
        written.put_slice(line.as_bytes());
        written.put_u8(b'\n');
    }
    written.put_u8(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(answer: &str) -> String {
        String::from_utf8(events(answer.as_bytes()).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn arrays_objects_and_lines_become_events() {
        assert_eq!(
            written(r#"[{"a":1}, "b", 3]"#),
            "data: {\"a\":1}\n\ndata: \"b\"\n\ndata: 3\n\n"
        );
        assert_eq!(
            written("{\"a\":1}\n{\"b\":2}\n"),
            "data: {\"a\":1}\n\ndata: {\"b\":2}\n\n"
        );
        assert_eq!(
            written("{\n \"a\": 1\n}"),
            "data: {\ndata:  \"a\": 1\ndata: }\n\n"
        );
        assert_eq!(written("\x1E{}\n\x1E[]\n"), "data: {}\n\n");
        assert_eq!(written(" "), "");
        assert!(events(b"<html>").is_err());
        assert!(events(b"{\"a\":").is_err());
    }

    #[test]
    fn json_is_known_by_its_type() {
        for (kind, json) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/activity+json", true),
            ("application/x-ndjson", true),
            ("text/event-stream", false),
            ("text/html", false),
        ] {
            assert_eq!(is_json(kind), json, "{kind}");
        }
    }
}
