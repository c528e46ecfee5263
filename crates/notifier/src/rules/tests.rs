use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{presentation::OwnAction, presets, text::Locale};

fn rules(own: &[RuleForm], preset: &str) -> Rules {
    let localizer = Arc::new(Localizer::new(Locale::English));
    Rules::new("Journal", own, presets::find(preset).as_deref(), localizer)
}

fn event<'a>(name: &'a str, data: &'a str) -> Arrived<'a> {
    Arrived {
        name,
        data,
        own_id: None,
        nth: 1,
    }
}

#[test]
fn the_default_mapping_reads_the_usual_fields() {
    let cases = [
        (
            "like",
            r#"{"title":"A","message":"b","url":"https://x.example/"}"#,
            "A",
            "b",
        ),
        (
            "like",
            r#"{"user":"Ada","count":3}"#,
            "Like",
            "user: Ada\ncount: 3",
        ),
        ("message", "plain words", "Journal", "plain words"),
        ("build-failed", "main", "build-failed", "main"),
        ("notify", "Coffee is ready", "Coffee is ready", ""),
        ("notify", r#"{"msg":"Tea"}"#, "Tea", ""),
        ("notify", "one\ntwo", "Notification", "one\ntwo"),
        ("message", "[1,2]", "Journal", "[1,2]"),
        ("message", r#"{"broken"#, "Journal", r#"{"broken"#),
    ];
    for (name, data, title, body) in cases {
        let judged = rules(&[], "").judge(event(name, data));
        assert_eq!(
            (judged.shown.title.as_str(), judged.shown.body.as_str()),
            (title, body),
            "{data}"
        );
        assert_eq!(judged.verdict, Verdict::Notify);
    }
}

#[test]
fn no_template_fills_up_to_a_width_that_an_event_says() {
    let data = r#"{"n": 18446744073709551615, "list": [{"a": 1}]}"#;
    for template in [
        "{{ text | indent(n, true) }}",
        "{{ '%18446744073709551615d' | format(1) }}",
        "{{ list | batch(n, 'x') }}",
        "{{ list | slice(n) }}",
        "{{ list | tojson(indent=n) }}",
        "{{ 'x' * n }}",
        "{{ range(n) }}",
    ] {
        let own = RuleForm {
            title: template.into(),
            ..RuleForm::default()
        };
        let shown = rules(&[own], "").judge(event("message", data)).shown;
        assert_eq!(shown.title, "Journal", "{template}");
    }
    let own = RuleForm {
        body: "{{ list | tojson }}".into(),
        ..RuleForm::default()
    };
    let shown = rules(&[own], "").judge(event("message", data)).shown;
    assert_eq!(shown.body, r#"[{"a":1}]"#);
}

#[test]
fn the_first_matching_rule_wins_and_leaves_the_rest_to_the_defaults() {
    let own = [
        RuleForm {
            events: vec!["like".into()],
            when: "count > 10".into(),
            title: "{{ actor.name }} and others".into(),
            urgency: "high".into(),
            ..RuleForm::default()
        },
        RuleForm {
            events: vec!["l*".into()],
            then: Verdict::Keep,
            ..RuleForm::default()
        },
    ];
    let rules = rules(&own, "");
    let many = rules.judge(event(
        "like",
        r#"{"count":11,"actor":{"name":"Ada"},"text":"t"}"#,
    ));
    assert_eq!(many.shown.title, "Ada and others");
    assert_eq!(many.shown.body, "t");
    assert_eq!(many.shown.urgency, Urgency::High);
    let few = rules.judge(event("like", r#"{"count":2}"#));
    assert_eq!(few.verdict, Verdict::Keep);
    assert_eq!(few.why.args["number"], crate::view::Arg::Number(2));
}

#[test]
fn links_that_are_not_for_following_are_left_out() {
    for link in [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:text/html,x",
        "x",
    ] {
        let data = format!(r#"{{"link":"{link}"}}"#);
        assert_eq!(
            rules(&[], "").judge(event("like", &data)).shown.link,
            None,
            "{link}"
        );
    }
}

#[test]
fn a_template_that_runs_for_ever_is_cut_and_the_default_stands_in() {
    let own = [RuleForm {
        title: "{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}"
            .into(),
        ..RuleForm::default()
    }];
    assert_eq!(
        rules(&own, "").judge(event("like", "{}")).shown.title,
        "Like"
    );
}

#[test]
fn what_does_not_compile_is_named() {
    let rule = RuleForm {
        events: vec!["a[".into()],
        when: "a ==".into(),
        title: "{{ oops".into(),
        ..RuleForm::default()
    };
    let fields: Vec<_> = check(&rule).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["events", "when", "title"]);
}

#[test]
fn keys_follow_the_preset() {
    let arrived = Arrived {
        own_id: Some("a.1"),
        ..event("like", "{}")
    };
    assert_eq!(
        rules(&[], "hub").judge(arrived).key,
        Key::once(&["id", "a.1"])
    );
    assert_eq!(
        rules(&[], "").judge(arrived).key,
        Key::replay(Some("a.1"), "like", "{}")
    );
}

#[test]
fn the_greeting_of_site_messages_is_no_message() {
    let rules = rules(&[], "likes");
    let greeting = Arrived {
        nth: 0,
        ..event("message", "站内信链接成功！")
    };
    assert_eq!(rules.judge(greeting).verdict, Verdict::Drop);
    let notify = rules.judge(event("notify", r#"{"msg":"给1的消息>>hi","uid":1}"#));
    assert_eq!(notify.verdict, Verdict::Notify);
    assert_eq!(notify.shown.body, "给1的消息>>hi");
}

#[test]
fn fields_with_endless_names_are_passed_over() {
    // Their paths would be copied for each of their children.
    let children: Vec<String> = (0..250_000).map(|n| format!("\"a{n}\":1")).collect();
    let data = format!(
        "{{\"{}\":{{{}}},\"last\":7}}",
        "k".repeat(3 << 20),
        children.join(",")
    );
    let judged = rules(&[], "").judge(event("message", &data));
    assert_eq!(judged.shown.body, "last: 7");
}

fn chinese(preset: &str) -> Rules {
    let localizer = Arc::new(Localizer::new(Locale::Chinese));
    Rules::new("日志", &[], presets::find(preset).as_deref(), localizer)
}

/// The title of a burst of 23.
fn burst(rules: &Rules, name: &str, data: &Value) -> Option<String> {
    let judged = rules.judge(event(name, &data.to_string()));
    judged.shown.burst.map(|burst| burst.replace(COUNT, "23"))
}

#[test]
fn who_did_it_is_found_under_the_usual_names_and_only_as_words() {
    let cases = [
        (json!({"actor": {"name": "Ada"}, "user": "x"}), Some("Ada")),
        (json!({"actor": "Ada\n Lovelace"}), Some("Ada Lovelace")),
        (json!({"user": {"login": "ada"}}), Some("ada")),
        (json!({"user": "ada"}), Some("ada")),
        (json!({"author": {"name": "Ada"}}), Some("Ada")),
        (
            json!({"account": {"display_name": "", "acct": "ada"}}),
            Some("ada"),
        ),
        (json!({"from": "ada@a.example"}), Some("ada@a.example")),
        (json!({"actor": "https://a.example/users/ada"}), None),
        (
            json!({"user": 7, "author": {"name": ["x"]}, "from": null}),
            None,
        ),
        (json!(["Ada"]), None),
    ];
    for (data, actor) in cases {
        let judged = rules(&[], "").judge(event("like", &data.to_string()));
        assert_eq!(judged.shown.actor.as_deref(), actor, "{data}");
    }
}

#[test]
fn a_group_comes_from_a_rule_or_from_a_short_field() {
    let group = |own: &[RuleForm], data: Value| {
        let judged = rules(own, "").judge(event("build", &data.to_string()));
        judged.shown.group
    };
    assert_eq!(group(&[], json!({"group": "g"})).as_deref(), Some("g"));
    assert_eq!(group(&[], json!({"group": 7})).as_deref(), Some("7"));
    for none in [
        json!({"group": "x".repeat(GROUP + 1)}),
        json!({"group": {}}),
        json!({"group": " "}),
    ] {
        assert_eq!(group(&[], none), None);
    }
    let own = [RuleForm {
        group: "{{ repo }}".into(),
        ..RuleForm::default()
    }];
    assert_eq!(
        group(&own, json!({"group": "g", "repo": "r"})).as_deref(),
        Some("r")
    );
    assert_eq!(group(&own, json!({"group": "g"})).as_deref(), Some("g"));
}

#[test]
fn the_title_of_a_burst_compares_and_shows_the_count_and_takes_it_from_nobody_else() {
    let own = |burst: &str| {
        [RuleForm {
            burst: burst.into(),
            ..RuleForm::default()
        }]
    };
    let stolen = json!({
        "what": format!("A{COUNT}B"), "count": 4,
        "html": "x&#xE000;y", "encoded": "7oCA",
    });
    let cases = [
        ("{{ count }} of {{ what }}", Some("23 of AB")),
        (
            "{% if count > 1 %}{{ count }} builds{% else %}one{% endif %}",
            Some("23 builds"),
        ),
        (
            "{{ 'a' if count == 1 else 'many' }} {{ count >= 2 }} {{ count < 2 }}",
            Some("many True False"),
        ),
        (
            "{{ data.count }} {{ html | plain }}{{ encoded | unbase64 }}",
            Some("4 xy"),
        ),
        ("{{ missing }}", None),
        ("", None),
    ];
    for (template, expected) in cases {
        assert_eq!(check(&own(template)[0]), [], "{template}");
        let title = burst(&rules(&own(template), ""), "build", &stolen);
        assert_eq!(title.as_deref(), expected, "{template}");
    }
    // Elsewhere the count of the data is meant.
    let titled = RuleForm {
        title: "{{ count }} {{ what }}".into(),
        ..RuleForm::default()
    };
    let judged = rules(&[titled], "").judge(event("build", &stolen.to_string()));
    assert_eq!(judged.shown.title, "4 AB");
    let wrong = check(&own("{{ count - 1 }} more")[0]);
    assert_eq!(wrong[0].0, "burst");
    assert_eq!(wrong[0].1.id, "rule-burst-count");
}

#[test]
fn presets_tell_bursts_in_both_languages() {
    let post = json!({"actor": "Ada", "target": {"id": 7, "title": "My post"}});
    let favourite = json!({
        "type": "favourite", "id": "1", "group_key": "favourite-7-1",
        "account": {"display_name": "Ada", "acct": "ada", "avatar": "https://a.example/a.png"},
        "status": {"content": "<p>My post</p>"},
    });
    let follow = json!({"type": "follow", "group_key": "follow-1", "account": {"acct": "ada"}});
    let activity = json!({
        "type": "Like", "actor": {"name": "Ada"}, "object": {"id": "https://a.example/7", "name": "My post"},
    });
    let edit = json!({"type": "edit", "title": "Ada Lovelace", "user": "Bob", "meta": {"uri": "https://w.example/A"}});
    let cases = [
        (
            "hub",
            "like",
            &post,
            "23 likes on “My post”",
            "《My post》收到 23 次点赞",
        ),
        (
            "hub",
            "favourite",
            &post,
            "23 favorites of “My post”",
            "《My post》被收藏 23 次",
        ),
        (
            "hub",
            "follow",
            &json!({}),
            "23 new followers",
            "23 位新关注者",
        ),
        (
            "likes",
            "like",
            &json!({"msg": "hi"}),
            "23 likes",
            "23 次点赞",
        ),
        (
            "mastodon",
            "notification",
            &favourite,
            "23 favorites of “My post”",
            "《My post》收到 23 次喜欢",
        ),
        (
            "mastodon",
            "notification",
            &follow,
            "23 new followers",
            "23 位新关注者",
        ),
        (
            "mercure",
            "message",
            &activity,
            "23 likes on “My post”",
            "《My post》收到 23 次点赞",
        ),
        (
            "mercure-classic",
            "message",
            &activity,
            "23 likes on “My post”",
            "《My post》收到 23 次点赞",
        ),
        (
            "wikimedia",
            "message",
            &edit,
            "23 changes of “Ada Lovelace”",
            "《Ada Lovelace》有 23 处更改",
        ),
    ];
    for (preset, name, data, en, zh) in cases {
        assert_eq!(
            burst(&rules(&[], preset), name, data).as_deref(),
            Some(en),
            "{preset}"
        );
        assert_eq!(
            burst(&chinese(preset), name, data).as_deref(),
            Some(zh),
            "{preset}"
        );
    }
    let shown = |preset: &str, name: &str, data: &Value| {
        let rules = rules(&[], preset).remote_icons(true);
        rules.judge(event(name, &data.to_string())).shown
    };
    let like = shown("hub", "like", &post);
    assert_eq!(like.group.as_deref(), Some("like 7"));
    assert_eq!(like.actor.as_deref(), Some("Ada"));
    let boost = shown("mastodon", "notification", &favourite);
    assert_eq!(boost.group.as_deref(), Some("favourite-7-1"));
    assert_eq!(boost.actor.as_deref(), Some("Ada"));
    assert_eq!(boost.icon.as_deref(), Some("https://a.example/a.png"));
    let mention =
        json!({"type": "mention", "group_key": "ungrouped-9", "account": {"acct": "ada"}});
    assert_eq!(shown("mastodon", "notification", &mention).group, None);
    assert_eq!(
        shown("mercure", "message", &activity).group.as_deref(),
        Some("Like https://a.example/7")
    );
    assert_eq!(
        shown("wikimedia", "message", &edit).actor.as_deref(),
        Some("Bob")
    );
    let door = json!({"event_type": "desktop_notify", "data": {"title": "Door", "tag": "door", "icon": "https://a.example/i.png"}});
    let door = shown("home-assistant", "message", &door);
    assert_eq!(door.group.as_deref(), Some("door"));
    assert_eq!(door.icon.as_deref(), Some("https://a.example/i.png"));
}

#[test]
fn an_own_group_does_not_keep_the_words_of_the_presets() {
    let own = [RuleForm {
        group: "{{ actor }}".into(),
        ..RuleForm::default()
    }];
    let data = json!({"actor": "Ada", "post": "My post"});
    assert_eq!(burst(&rules(&own, "hub"), "like", &data), None);
    assert!(burst(&rules(&[], "hub"), "like", &data).is_some());
}

#[test]
fn an_icon_from_the_web_needs_the_feeds_leave() {
    let icon = |rules: Rules, template: &str, data: &str| {
        let own = [RuleForm {
            icon: template.into(),
            ..RuleForm::default()
        }];
        let rules = Rules {
            own: own
                .into_iter()
                .enumerate()
                .filter_map(|(n, form)| Rule::new(n, form))
                .collect(),
            ..rules
        };
        rules.judge(event("like", data)).shown.icon
    };
    let data = r#"{"icon":"https://a.example/i.png"}"#;
    let none = || rules(&[], "");
    let allowed = || rules(&[], "").remote_icons(true);
    assert_eq!(icon(none(), "", data), None);
    assert_eq!(
        icon(allowed(), "", data).as_deref(),
        Some("https://a.example/i.png")
    );
    assert_eq!(
        icon(none(), "https://a.example/{{ event }}.png", data),
        None
    );
    assert_eq!(
        icon(allowed(), "https://a.example/{{ event }}.png", data).as_deref(),
        Some("https://a.example/like.png")
    );
    assert_eq!(icon(none(), "starred", data).as_deref(), Some("starred"));
    for other in ["/etc/icon.png", "file:///x.png", "data:image/png;base64,x"] {
        let data = json!({"icon": other}).to_string();
        assert_eq!(icon(allowed(), "{{ icon }}", &data), None, "{other}");
        assert_eq!(icon(allowed(), "", &data), None, "{other}");
    }
}

#[test]
fn actions_of_a_message_are_kept_whatever_the_rule_says_of_the_rest() {
    let data = json!({"actions": [{"action": "copy", "label": "Code", "value": "1"}]});
    for preset in ["", "ntfy", "hub"] {
        let judged = rules(&[], preset).judge(event("message", &data.to_string()));
        let copy = OwnAction::Copy {
            label: "Code".into(),
            text: "1".into(),
        };
        assert_eq!(judged.shown.actions, [copy], "{preset}");
    }
}

#[test]
fn what_is_a_button_is_not_listed_in_the_body_too() {
    let body = |data: Value| {
        let data = data.to_string();
        rules(&[], "").judge(event("door", &data)).shown.body
    };
    let offer = json!({"action": "copy", "label": "Code", "value": "1"});
    assert_eq!(
        body(json!({"where": "home", "actions": [offer]})),
        "where: home"
    );
    assert_eq!(
        body(json!({"where": "home", "actions": 3})),
        "where: home\nactions: 3"
    );
}

#[test]
fn each_wrong_field_of_a_rule_is_named() {
    let right = RuleForm {
        name: "x".repeat(NAME),
        events: vec!["like*".into()],
        when: "say('x') and count > 1 and a.b.c is string".into(),
        title: "{{ data['odd name'] | upper }} {% if a %}{{ b }}{% endif %}".into(),
        link: "https://a.example/{{ id }}".into(),
        icon: "https://a.example/i.png".into(),
        urgency: "urgent".into(),
        burst: "{{ count }} of {{ x + 1 }}".into(),
        ..RuleForm::default()
    };
    assert_eq!(check(&right), []);
    let wrong = RuleForm {
        name: "x".repeat(NAME + 1),
        events: vec![" ".into()],
        when: "a | nosuchfilter".into(),
        title: "{{ a | nosuchfilter }}".into(),
        body: "{{ nosuchfunction() }}".into(),
        link: "javascript:alert(1)".into(),
        icon: "/etc/x.png".into(),
        urgency: "loud".into(),
        group: "{% for x %}".into(),
        actor: "{{ x".into(),
        burst: "{{ count + 1 }}".into(),
        key: "x".repeat(TEMPLATE + 1),
        ..RuleForm::default()
    };
    let fields: Vec<_> = check(&wrong).into_iter().map(|(field, _)| field).collect();
    assert_eq!(
        fields,
        [
            "name", "events", "when", "title", "body", "link", "icon", "urgency", "group", "actor",
            "burst", "key"
        ]
    );
    let localizer = Localizer::new(Locale::English);
    for (field, text) in check(&wrong) {
        assert_ne!(localizer.text(&text), text.id, "{field}");
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let words = prop_oneof![
        r"\PC{0,20}",
        Just(COUNT.to_string()),
        Just("https://a.example/".to_owned()),
        Just("view".to_owned()),
        Just("http".to_owned()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.prop_map(Value::from),
    ];
    let names = prop_oneof![
        proptest::sample::select(vec![
            "title",
            "body",
            "actor",
            "name",
            "user",
            "group",
            "actions",
            "action",
            "label",
            "url",
            "headers",
            "value",
            "icon",
            "target",
            "post",
            "object",
            "account",
            "status",
            "data",
            "count",
            "type",
            "group_key",
            "tags",
            "id",
        ])
        .prop_map(str::to_owned),
        r"\PC{0,8}",
    ];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_comes_has_a_bounded_shape(
        data in json_value(),
        name in prop_oneof![Just("like".to_owned()), Just("notification".to_owned()), r"\PC{0,12}"],
        place in 0usize..14,
    ) {
        let preset = &presets::all()[place].id.clone();
        let own = [RuleForm {
            when: "title or count > 1".into(),
            title: "{{ title }} {{ count }}".into(),
            group: "{{ data.group }}".into(),
            burst: "{{ count }} {{ title }} {{ actor.name }}".into(),
            actor: "{{ user }}".into(),
            icon: "{{ icon }}".into(),
            ..RuleForm::default()
        }];
        for rules in [rules(&own, preset), rules(&[], preset).remote_icons(true)] {
            let data = data.to_string();
            let shown = rules.judge(event(&name, &data)).shown;
            prop_assert!(shown.title.chars().count() <= TITLE + 1);
            prop_assert!(!shown.title.contains(COUNT) && !shown.body.contains(COUNT));
            prop_assert!(shown.body.chars().count() <= BODY + 1);
            prop_assert!(shown.actions.len() <= 5);
            if let Some(group) = &shown.group {
                prop_assert!(!group.is_empty() && group.chars().count() <= GROUP + 1);
            }
            if let Some(actor) = &shown.actor {
                prop_assert!(!actor.is_empty() && actor.chars().count() <= ACTOR + 1);
            }
            if let Some(burst) = &shown.burst {
                // Each template shows it once; nothing from outside adds another.
                prop_assert_eq!(burst.matches(COUNT).count(), 1, "{}", burst);
            }
            if let Some(link) = &shown.link {
                prop_assert!(Url::parse(link).is_ok());
            }
        }
    }

    #[test]
    fn any_template_is_judged_without_a_panic(template in r"\PC{0,40}", data in json_value()) {
        let rule = RuleForm {
            title: template.clone(),
            when: template.clone(),
            burst: template,
            ..RuleForm::default()
        };
        let wrong = check(&rule);
        let localizer = Localizer::new(Locale::English);
        for (_, text) in wrong {
            prop_assert!(!localizer.text(&text).is_empty());
        }
        let _ = rules(&[rule], "").judge(event("like", &data.to_string()));
    }
}
