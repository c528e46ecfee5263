//! That the benchmark counts right: its parts, and the load on its own servers.

#![cfg(target_os = "linux")]
#![expect(dead_code, reason = "the benchmark uses the rest")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::{Ipv4Addr, TcpListener};
use std::thread;

use load::{Dialect, Load, Shape};
use raw::Sending;
use tally::Faults;

mod axum_sse;
mod engine;
mod load;
mod raw;
mod table;
mod tally;
mod wire;

/// A server, which ends with the test. Those of raw bodies end with their connections, those of
/// axum come in chunks.
const SERVERS: [fn(TcpListener) -> std::io::Result<()>; 3] = [
    |listener| raw::serve(listener, Sending::Each),
    |listener| raw::serve(listener, Sending::Together),
    axum_sse::serve,
];

/// Ten streams of it.
fn streams(serve: fn(TcpListener) -> std::io::Result<()>, shape: Shape) -> Load {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || serve(listener));
    let mut load = Load::new(address, Dialect::Hub, shape).unwrap();
    load.open(10).unwrap();
    load.open_publishers().unwrap();
    load
}

#[test]
fn everyone_gets_everything() {
    for serve in SERVERS {
        for named in [false, true] {
            let shape = Shape {
                publishers: 3,
                named,
                ..Shape::default()
            };
            let mut load = streams(serve, shape);
            load.publish_all(500, || None).unwrap();
            assert!(load.wait(|load| load.tally.delivered == 5_000).unwrap());
            assert_eq!(load.answered, 500);
            assert_eq!(load.tally.faults(), Faults::default());
            assert_eq!(load.tally.latency.len(), 5_000);
        }
    }
}

#[test]
fn each_gets_its_own() {
    let shape = Shape {
        publishers: 2,
        targeted: true,
        ..Shape::default()
    };
    for serve in SERVERS {
        let mut load = streams(serve, shape);
        let mut next = (0..10).cycle();
        load.publish_all(500, || next.next()).unwrap();
        assert!(load.wait(|load| load.tally.delivered == 500).unwrap());
        assert_eq!(load.tally.faults(), Faults::default());
    }
}

#[test]
fn who_comes_back_has_all_and_who_does_not_has_lost() {
    for serve in SERVERS {
        let mut load = streams(serve, Shape::default());
        load.publish_all(5, || None).unwrap();
        assert!(load.wait(|load| load.tally.delivered == 50).unwrap());
        let id = load.last_id(0).to_vec();
        for stream in 0..5 {
            load.drop_stream(stream);
        }
        load.publish_all(20, || None).unwrap();
        for stream in 0..4 {
            load.resume(stream).unwrap();
        }
        load.open_after(1, 5, &id).unwrap();
        let all = 50 + 10 * 20;
        assert!(load.wait(|load| load.tally.delivered == all).unwrap());
        assert_eq!(load.drained(10).0, 20);
        let expected = Faults {
            lost: 20,
            ..Faults::default()
        };
        assert_eq!(load.tally.faults(), expected);
    }
}

#[test]
fn a_slow_stream_is_read_only_when_told() {
    let shape = Shape {
        size: 4096,
        ..Shape::default()
    };
    let mut load = streams(SERVERS[1], shape);
    let slow = load.open_slow().unwrap();
    load.publish_all(2_000, || None).unwrap();
    assert!(load.wait(|load| load.tally.delivered == 20_000).unwrap());
    assert_eq!(load.tally.faults().lost, 2_000);
    load.hurry(slow).unwrap();
    assert!(load.wait(|load| load.tally.delivered == 22_000).unwrap());
    assert_eq!(load.tally.faults(), Faults::default());
}

mod the_engine {
    use super::engine::*;

    /// A hub at an engine, and how many events it has.
    fn hub() -> (tempfile::TempDir, Engine, Caller) {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::start(folder.path(), |command| Ok(command.spawn()?)).unwrap();
        let mut caller = Caller::connect(engine.address()).unwrap();
        caller.open_hub().unwrap();
        (folder, engine, caller)
    }

    #[test]
    fn every_way_stores_all() {
        let (_folder, _engine, mut caller) = hub();
        let mut stored = 0;
        for (batch, in_flight) in [(1, 1), (1, 16), (10, 4)] {
            let work = Work {
                messages: 320,
                size: 200,
                batch,
                in_flight,
            };
            for (way, calls) in [
                (Way::Xadd, 320),
                (Way::Append, 320 / batch),
                (Way::AppendTogether, 320 / batch / in_flight),
            ] {
                let times = caller.work(way, work).unwrap();
                assert_eq!(times.len(), u64::from(calls), "{way:?} {work:?}");
                stored += if way == Way::Xadd { 0 } else { 320 };
                let length = caller.ask(&["XLEN", "{feedbell}:log"]).unwrap();
                assert_eq!(length, format!(":{stored}\r\n"), "{way:?} {work:?}");
            }
        }
        let bare = caller.ask(&["XLEN", "{feedbell}:bare"]).unwrap();
        assert_eq!(bare, ":960\r\n");
    }

    #[test]
    fn what_is_refused_is_no_measurement() {
        let (_folder, _engine, mut caller) = hub();
        let mut other = Vec::new();
        let words: [&[u8]; 7] = [
            b"FCALL",
            b"feedbell_append",
            b"1",
            b"{feedbell}:log",
            b"00000000",
            b"0",
            b"0",
        ];
        command(&words, &mut other);
        assert!(caller.pipeline(&other, 2, 1).is_err());
        let mut none = Vec::new();
        command(&[b"XADD"], &mut none);
        assert!(caller.pipeline(&none, 2, 1).is_err());
    }

    #[test]
    fn an_answer_ends_where_it_ends() {
        let answers: [&[u8]; 6] = [
            b"+OK\r\n",
            b":12\r\n",
            b"$5\r\na\r\nbc\r\n",
            b"$-1\r\n",
            b"*0\r\n",
            b"*3\r\n$2\r\nok\r\n*2\r\n:1\r\n$0\r\n\r\n+x\r\n",
        ];
        for answer in answers {
            for cut in 0..answer.len() {
                assert_eq!(answer_end(&answer[..cut]).unwrap(), None);
            }
            let two = [answer, b":1\r\n"].concat();
            assert_eq!(answer_end(&two).unwrap(), Some(answer.len()));
        }
        assert!(answer_end(b"HTTP/1.1 400\r\n").is_err());
    }
}

mod the_wire {
    use super::wire::*;

    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        9;a=b\r\n: hello\n\n\r\n12\r\nid: 1\ndata: one\nev\r\n8\r\nent: a\n\n\r\nd\r\nid:2\ndata:2\n\n\r\n0\r\n\r\n";
    const CLOSED: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n\
        : hello\n\nid: 1\ndata: one\nevent: a\n\nid:2\ndata:2\n\ndata: never";

    fn read(
        pieces: impl Iterator<Item = &'static [u8]>,
    ) -> (Reader, Vec<(String, String, String)>) {
        let mut reader = Reader::default();
        let mut events = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        for piece in pieces {
            let tell = |event: Event<'_>| {
                if let Some(data) = event.data {
                    let id = event.id.unwrap_or_default();
                    events.push((text(id), text(event.name), text(data)));
                }
            };
            reader.read(piece, tell).unwrap();
        }
        (reader, events)
    }

    #[test]
    fn events_are_the_same_however_they_are_cut() {
        for (bytes, ends) in [(CHUNKED, true), (CLOSED, false)] {
            for size in 1..=bytes.len() {
                let (reader, events) = read(bytes.chunks(size));
                let expected = [("1", "a", "one"), ("2", "", "2")];
                let expected =
                    expected.map(|(id, name, data)| (id.into(), name.into(), data.into()));
                assert_eq!(events, expected, "{size}");
                assert_eq!(reader.status(), Some(200));
                assert_eq!(reader.has_ended(), ends);
            }
        }
    }

    #[test]
    fn nonsense_is_said() {
        for bytes in [
            b"SMTP ready\r\n\r\n".as_slice(),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nevent\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        ] {
            assert!(Reader::default().read(bytes, |_| {}).is_err());
        }
    }
}

mod the_tally {
    use super::tally::*;

    /// Two streams, two publishers, and each of them sent two messages to everyone.
    fn tally() -> (Tally, [Vec<u8>; 4]) {
        let mut tally = Tally::new(2, false, false);
        tally.join();
        tally.join();
        let texts = [0, 1, 0, 1].map(|publisher| {
            let mut text = Vec::new();
            tally.stamp(publisher, None, 5).write(200, &mut text);
            text
        });
        (tally, texts)
    }

    /// What is wrong when the streams get these of the messages, in this order.
    fn faults(first: &[usize], second: &[usize]) -> (u64, u64, u64, u64) {
        let (mut tally, texts) = tally();
        for (stream, got) in [first, second].into_iter().enumerate() {
            for nth in got {
                tally.take(stream, b"", &texts[*nth], 9);
            }
        }
        let Faults {
            lost,
            twice,
            disorder,
            strange,
        } = tally.faults();
        (lost, twice, disorder, strange)
    }

    #[test]
    fn a_stamp_comes_back_from_the_shortest_text() {
        for target in [None, Some(65_535)] {
            let stamp = Stamp {
                publisher: 255,
                number: MOST - 1,
                at: (1 << 48) - 1,
                target,
            };
            let mut text = Vec::new();
            stamp.write(20, &mut text);
            assert_eq!(text.len(), if target.is_some() { 24 } else { 20 });
            assert_eq!(Stamp::read(&text, target.is_some()), Some(stamp));
            assert_eq!(Stamp::read(&text[..19], false), None);
        }
        assert_eq!(Stamp::read(b"Hello, this is not one of ours.", false), None);
    }

    #[test]
    fn all_once_and_in_order_is_no_fault() {
        assert_eq!(faults(&[0, 1, 2, 3], &[0, 1, 2, 3]), (0, 0, 0, 0));
        // Publishers race; the order is any, and one.
        assert_eq!(faults(&[1, 0, 3, 2], &[1, 0, 3, 2]), (0, 0, 0, 0));
    }

    #[test]
    fn loss_is_counted_in_the_middle_and_at_the_end() {
        assert_eq!(faults(&[0, 1, 2, 3], &[1, 2, 3]), (1, 0, 0, 0));
        assert_eq!(faults(&[0, 1, 2, 3], &[0, 1, 2]), (1, 0, 0, 0));
        assert_eq!(faults(&[0, 1, 2, 3], &[]), (4, 0, 0, 0));
    }

    #[test]
    fn duplicates_are_counted() {
        assert_eq!(faults(&[0, 1, 1, 2, 3], &[0, 1, 2, 3, 0]), (0, 2, 0, 0));
    }

    #[test]
    fn disorder_is_counted_of_one_publisher_and_between_streams() {
        assert_eq!(faults(&[2, 0, 1, 3], &[]), (4, 0, 1, 0));
        assert_eq!(faults(&[0, 1, 2, 3], &[1, 0, 2, 3]), (0, 0, 1, 0));
        assert_eq!(faults(&[0, 1, 2, 3], &[0, 2, 3, 1]), (0, 0, 1, 0));
    }

    #[test]
    fn what_was_not_sent_to_a_stream_is_strange() {
        let (mut tally, _) = tally();
        tally.take(0, b"", b"Hello", 9);
        let unsent = Stamp {
            publisher: 1,
            number: 2,
            at: 0,
            target: None,
        };
        let mut text = Vec::new();
        unsent.write(0, &mut text);
        tally.take(0, b"", &text, 9);
        text.clear();
        Stamp {
            number: 0,
            ..unsent
        }
        .write(0, &mut text);
        tally.take(0, b"like", &text, 9);
        assert_eq!(tally.faults().strange, 3);

        let mut tally = Tally::new(1, true, false);
        tally.join();
        tally.join();
        text.clear();
        tally.stamp(0, Some(1), 0).write(0, &mut text);
        tally.take(0, b"", &text, 9);
        assert_eq!((tally.faults().strange, tally.faults().lost), (1, 1));
        tally.take(1, b"", &text, 9);
        assert_eq!((tally.faults().strange, tally.faults().lost), (1, 0));
    }

    #[test]
    fn who_comes_later_is_owed_what_was_sent_since() {
        let (mut tally, texts) = tally();
        for text in &texts {
            tally.take(0, b"", text, 9);
            tally.take(1, b"", text, 9);
        }
        tally.join();
        tally.join_after(1);
        assert_eq!(tally.faults().lost, 3);
        for text in &texts[1..] {
            tally.take(3, b"", text, 9);
        }
        assert_eq!(tally.faults(), Faults::default());
        assert_eq!(tally.latency.max(), 4);
    }
}

mod the_table {
    use super::table::*;
    use super::tally::Faults;

    fn rounds(of: [(f64, f64); 3]) -> Rounds {
        let measured = |(rate, cpu)| Measured {
            figures: vec![("messages/s", rate), ("CPU µs", cpu)],
            faults: Faults {
                lost: 1,
                ..Faults::default()
            },
            others: 0.25,
        };
        Ok(of.map(measured).to_vec())
    }

    #[test]
    fn a_table_has_medians_and_ratios_within_rounds() {
        let servers = [
            (
                "raw".to_owned(),
                rounds([(1000.0, 1.0), (4000.0, 2.0), (2000.0, 30.0)]),
            ),
            (
                "ours".to_owned(),
                rounds([(500.0, 1.5), (1000.0, 1.0), (1500.0, 9.0)]),
            ),
            ("theirs".to_owned(), Err("no\nport | today".to_owned())),
        ];
        assert_eq!(
            table(&servers),
            "| server | messages/s | raw = 1 | CPU µs | wrong |\n\
             | --- | ---: | ---: | ---: | --- |\n\
             | raw | 2,000 | 1.00 | 2.00 | 3 lost |\n\
             | ours | 1,000 | 0.50 | 1.50 | 3 lost |\n\
             | theirs | | | | no port / today |\n\n\
             Other work had 25 % of the CPUs meanwhile: trust rates little.\n"
        );
        assert!(table(&servers[2..]).contains("no port"));
    }
}
