//! Whatever is published arrives, and nothing else does: frames are read back
//! by a parser written from the WHATWG text alone.

use std::time::Duration;

use bytes::BytesMut;
use proptest::prelude::*;
use sse::{EventId, EventName, Frame, comment};

/// What a page would see.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    name: String,
    data: String,
    last_event_id: String,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Reading {
    events: Vec<Seen>,
    last_event_id: String,
    retry: Option<u64>,
}

/// "Parsing an event stream" and "interpreting an event stream", step by step.
fn read(stream: &str) -> Reading {
    let stream = stream.strip_prefix('\u{feff}').unwrap_or(stream);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut chars = stream.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                chars.next_if_eq(&'\n');
                lines.push(std::mem::take(&mut line));
            }
            '\n' => lines.push(std::mem::take(&mut line)),
            c => line.push(c),
        }
    }
    let mut seen = Reading::default();
    let (mut data, mut name, mut id) = (String::new(), String::new(), String::new());
    for line in lines {
        if line.is_empty() {
            seen.last_event_id.clone_from(&id);
            if data.is_empty() {
                name.clear();
                continue;
            }
            data.pop();
            let name = std::mem::take(&mut name);
            seen.events.push(Seen {
                name: if name.is_empty() {
                    "message".into()
                } else {
                    name
                },
                data: std::mem::take(&mut data),
                last_event_id: id.clone(),
            });
            continue;
        }
        let (field, value) = match line.split_once(':') {
            Some(("", _)) => continue,
            Some((field, value)) => (field, value.strip_prefix(' ').unwrap_or(value)),
            None => (line.as_str(), ""),
        };
        match field {
            "event" => name = value.into(),
            "data" => {
                data.push_str(value);
                data.push('\n');
            }
            "id" if !value.contains('\0') => id = value.into(),
            "retry" if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => {
                seen.retry = value.parse().ok();
            }
            _ => {}
        }
    }
    seen
}

/// Text that looks for trouble: line ends, field names, NUL, a BOM.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\r".to_owned()),
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("\0".to_owned()),
        Just("\u{feff}".to_owned()),
        Just(": ".to_owned()),
        Just(":".to_owned()),
        Just(" ".to_owned()),
        Just("\u{2028}".to_owned()),
        Just("\u{2029}".to_owned()),
        Just("\u{85}".to_owned()),
        Just("\u{b}\u{c}\u{1c}".to_owned()),
        Just("x".repeat(2000)),
        Just("id: 9".to_owned()),
        Just("event: gap".to_owned()),
        Just("data: x".to_owned()),
        Just("retry: 1".to_owned()),
        any::<char>().prop_map(String::from),
        "[ a-z:]{0,6}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn normalised(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

proptest! {
    #[test]
    fn any_data_arrives_as_one_event(
        data in hostile(),
        name in prop::option::of("\\PC{1,20}".prop_filter_map("refused", |text| EventName::parse(&text).ok())),
        id in prop::option::of("\\PC{1,20}".prop_filter_map("refused", |text| EventId::parse(&text).ok())),
        retry in prop::option::of(0u64..1_000_000),
        said in hostile(),
    ) {
        let mut frame = Frame::new().data(&data);
        if let Some(name) = &name { frame = frame.event(name); }
        if let Some(id) = &id { frame = frame.id(id); }
        if let Some(retry) = retry { frame = frame.retry(Duration::from_millis(retry)); }
        let mut out = BytesMut::new();
        comment(&said, &mut out);
        frame.write(&mut out);
        comment(&said, &mut out);

        let id = id.map_or(String::new(), |id| id.to_string());
        prop_assert_eq!(read(std::str::from_utf8(&out).unwrap()), Reading {
            events: vec![Seen {
                name: name.map_or("message".into(), |name| name.to_string()),
                data: normalised(&data),
                last_event_id: id.clone(),
            }],
            last_event_id: id,
            retry,
        });
    }

    #[test]
    fn many_frames_are_as_many_events_wherever_the_bytes_are_cut(
        all in prop::collection::vec((hostile(), hostile(), hostile(), any::<u64>()), 0..6),
    ) {
        let mut out = BytesMut::new();
        let mut expected = Reading::default();
        for (data, name, id, retry) in &all {
            let (name, id) = (EventName::parse(name).ok(), EventId::parse(id).ok());
            let mut frame = Frame::new().data(data).retry(Duration::from_millis(*retry));
            if let Some(name) = &name { frame = frame.event(name); }
            if let Some(id) = &id { frame = frame.id(id); }
            let before = out.len();
            frame.write(&mut out);
            prop_assert_eq!(&out[before..], &frame.to_bytes()[..]);
            if let Some(id) = id { expected.last_event_id = id.to_string(); }
            expected.retry = Some(*retry);
            expected.events.push(Seen {
                name: name.map_or("message".into(), |name| name.to_string()),
                data: normalised(data),
                last_event_id: expected.last_event_id.clone(),
            });
        }
        let text = std::str::from_utf8(&out).unwrap();
        prop_assert_eq!(&read(text), &expected);
        // What a connection that broke anywhere has said is the beginning of it, and nothing else.
        for cut in (0..=text.len()).step_by(1 + text.len() / 8).filter(|cut| text.is_char_boundary(*cut)) {
            let broken = read(&text[..cut]).events;
            prop_assert!(expected.events.starts_with(&broken));
        }
    }

    #[test]
    fn nothing_that_passes_as_a_name_or_an_id_can_end_its_line(text in hostile()) {
        let breaks = text.chars().any(|c| matches!(c, '\r' | '\n' | '\0'));
        if breaks {
            prop_assert!(EventName::parse(&text).is_err());
            prop_assert!(EventId::parse(&text).is_err());
        } else if let (Ok(name), Ok(id)) = (EventName::parse(&text), EventId::parse(&text)) {
            let mut out = BytesMut::new();
            Frame::new().event(&name).id(&id).data("x").write(&mut out);
            prop_assert_eq!(read(std::str::from_utf8(&out).unwrap()).events, vec![Seen {
                name: text.clone(), data: "x".into(), last_event_id: text,
            }]);
        }
    }
}

#[test]
fn a_frame_with_an_id_alone_moves_the_cursor_and_shows_nothing() {
    let id = EventId::parse("7f.9").unwrap();
    let mut out = BytesMut::new();
    Frame::new().id(&id).write(&mut out);
    let seen = read(std::str::from_utf8(&out).unwrap());
    assert_eq!(seen.last_event_id, "7f.9");
    assert!(seen.events.is_empty());
}

#[test]
fn the_longest_retry_is_still_digits_and_huge_data_is_whole() {
    let data = format!("{}\r{}", "x".repeat(1 << 20), "\n".repeat(1 << 16));
    let frame = Frame::new().data(&data).retry(Duration::MAX);
    let bytes = frame.to_bytes();
    let seen = read(std::str::from_utf8(&bytes).unwrap());
    assert_eq!(seen.events.len(), 1);
    assert_eq!(seen.events[0].data, normalised(&data));
    let retry = bytes.strip_prefix(b"retry: ").unwrap();
    let end = retry.iter().position(|b| *b == b'\n').unwrap();
    assert!(end > 0 && retry[..end].iter().all(u8::is_ascii_digit));
}
