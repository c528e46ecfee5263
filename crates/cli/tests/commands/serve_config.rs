//! What `serve` is told by a file, by the environment and by flags.

use crate::support::{Home, Ran};

impl Home {
    fn file(&self, text: &str) -> String {
        let path = self.path().join("serve.toml");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn print(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        let arguments = [&["serve", "--print-config"], arguments].concat();
        let mut command = self.command(&arguments);
        Ran::from(command.envs(environment.iter().copied()).output().unwrap())
    }
}

fn line<'a>(ran: &'a Ran, name: &str) -> &'a str {
    let start = format!("{name} = ");
    ran.out
        .lines()
        .find(|line| line.starts_with(&start))
        .unwrap_or_else(|| panic!("{name} in {}{}", ran.out, ran.err))
}

#[test]
fn a_flag_counts_before_the_environment_that_before_the_file() {
    let home = Home::new();
    let file = home.file(
        "# A comment\n\
         listen = \"127.0.0.1:1001\"\n\
         max-streams = 11\n\
         demo = true\n\
         allow-origin = [\"http://localhost:1\", \"http://localhost:2\"]\n\
         host = \"one.lan\"\n\
         keep-bytes = \"5M\"\n\
         publish-rate = 2.5\n",
    );
    let environment = [
        ("FEEDBELL_SERVE_LISTEN", "127.0.0.1:1002"),
        ("FEEDBELL_SERVE_MAX_STREAMS", "12"),
        ("FEEDBELL_SERVE_DEMO", "false"),
        (
            "FEEDBELL_SERVE_ALLOW_ORIGIN",
            "http://localhost:3, http://localhost:4",
        ),
        // As a service manager writes what is not set.
        ("FEEDBELL_SERVE_KEEP_BYTES", ""),
    ];
    let all = home.print(
        &["--config", &file, "--listen", "127.0.0.1:1003"],
        &environment,
    );
    assert_eq!(all.code, 0, "{}", all.err);
    for (name, expected) in [
        ("listen", "\"127.0.0.1:1003\" # --listen".to_owned()),
        ("max-streams", "12 # FEEDBELL_SERVE_MAX_STREAMS".to_owned()),
        ("max-streams-per-ip", "12 # default".to_owned()),
        ("demo", "false # FEEDBELL_SERVE_DEMO".to_owned()),
        (
            "allow-origin",
            "[\"http://localhost:3\", \"http://localhost:4\"] # FEEDBELL_SERVE_ALLOW_ORIGIN"
                .to_owned(),
        ),
        ("host", format!("[\"one.lan\"] # {file}:6")),
        ("keep-bytes", format!("\"5M\" # {file}:7")),
        ("publish-rate", format!("2.5 # {file}:8")),
        ("heartbeat", "15 # default".to_owned()),
        ("memory", "false # default".to_owned()),
        ("tls", "\"off\" # default".to_owned()),
    ] {
        assert_eq!(line(&all, name), format!("{name} = {expected}"));
    }
    assert!(all.out.contains("# max-age is not set"), "{}", all.out);

    // What it prints is a file that says the same.
    let printed = home.path().join("printed.toml");
    std::fs::write(&printed, &all.out).unwrap();
    let again = home.print(&["--config", printed.to_str().unwrap()], &[]);
    let values = |ran: &Ran| -> Vec<String> {
        let lines = ran.out.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| line.split(" # ").next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(values(&again), values(&all), "{}", again.err);
}

#[test]
fn the_file_is_found_where_settings_lie() {
    let home = Home::new();
    let folder = home.path().join("config/feedbell");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("serve.toml"), "max-age = 60\n").unwrap();
    assert!(line(&home.print(&[], &[]), "max-age").ends_with("feedbell/serve.toml:1"));
    // Another one named is the only one.
    let file = home.file("heartbeat = 5\n");
    for other in [
        home.print(&["--config", &file], &[]),
        home.print(&[], &[("FEEDBELL_SERVE_CONFIG", &file)]),
    ] {
        assert!(other.out.contains("# max-age is not set"), "{}", other.out);
        assert!(line(&other, "heartbeat").starts_with("heartbeat = 5"));
    }
}

#[test]
fn what_is_wrong_is_one_sentence_with_its_place() {
    let home = Home::new();
    for (text, place, says) in [
        ("max_streams = 5\n", "line 1", "max-streams"),
        ("demo = true\n\n[server]\nlisten = 5\n", "line 3", "server"),
        ("# one\nlisten = \"localhost\"\n", "line 2", "listen"),
        ("max-streams = -1\n", "line 1", "max-streams"),
        ("tls = \"maybe\"\n", "line 1", "off, on, required"),
        ("keep-bytes = \"much\"\n", "line 1", "500M"),
        ("host = [[\"a\"]]\n", "line 1", "brackets"),
        ("listen = [\"127.0.0.1:1\"]\n", "line 1", "listen"),
        ("demo = 2026-01-01\n", "line 1", "demo"),
        ("demo = true\ndemo = false\n", "line 2", "TOML"),
        ("demo = true\nheartbeat = \n", "line 2", "TOML"),
        ("config = \"other.toml\"\n", "line 1", "config"),
    ] {
        let file = home.file(text);
        let ran = home.print(&["--config", &file], &[]);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{text}");
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
        for part in [file.as_str(), place, says] {
            assert!(ran.err.contains(part), "{text}: {part}: {}", ran.err);
        }
    }
    let missing = home.print(&["--config", "/nowhere/serve.toml"], &[]);
    assert!(missing.code == 1 && missing.err.contains("/nowhere/serve.toml"));
    let wrong = home.print(&[], &[("FEEDBELL_SERVE_MAX_STREAMS", "many")]);
    assert!(wrong.code == 1 && wrong.err.contains("FEEDBELL_SERVE_MAX_STREAMS"));
}

#[test]
fn secrets_are_not_shown() {
    let home = Home::new();
    let file = home.file("token = [\"tk_in_file\", \"tk_too\"]\n");
    let from_file = home.print(&["--config", &file], &[]);
    assert_eq!(
        line(&from_file, "token"),
        format!("token = [\"…\", \"…\"] # {file}:1")
    );
    for (environment, arguments, source) in [
        (("FEEDBELL_TOKEN", "tk_in_file"), &[][..], "FEEDBELL_TOKEN"),
        (
            ("FEEDBELL_SERVE_TOKEN", "tk_in_file"),
            &[],
            "FEEDBELL_SERVE_TOKEN",
        ),
        (
            ("FEEDBELL_TOKEN", "x"),
            &["--token", "tk_in_file"],
            "--token",
        ),
    ] {
        let ran = home.print(arguments, &[environment]);
        assert_eq!(line(&ran, "token"), format!("token = [\"…\"] # {source}"));
        assert!(!ran.out.contains("tk_in_file"), "{}", ran.out);
    }
    // A wrong one neither.
    let file = home.file("token = [{ a = \"tk_in_file\" }]\n");
    let ran = home.print(&["--config", &file], &[]);
    assert!(
        ran.code == 1 && !ran.err.contains("tk_in_file"),
        "{}",
        ran.err
    );
    let file = home.file("token = \"tk_in_file\nx = 1");
    let ran = home.print(&["--config", &file], &[]);
    assert!(
        ran.code == 1 && !ran.err.contains("tk_in_file"),
        "{}",
        ran.err
    );
}

#[test]
fn the_password_of_a_backplane_is_not_shown() {
    let home = Home::new();
    let file = home.file("backplane = \"redis://bell:sesame@host:6380/1\"\n");
    let from_file = home.print(&["--config", &file], &[]);
    assert_eq!(
        line(&from_file, "backplane"),
        format!("backplane = \"redis://…@host:6380/1\" # {file}:1")
    );
    assert_eq!(
        line(&from_file, "backplane-prefix"),
        "backplane-prefix = \"feedbell\" # default"
    );
    let variable = "FEEDBELL_SERVE_BACKPLANE";
    let wrong = home.print(&[], &[(variable, "redis://:ses/ame@host")]);
    assert_eq!(
        line(&wrong, "backplane"),
        format!("backplane = \"…\" # {variable}")
    );
}

#[test]
fn a_backplane_that_cannot_be_one_is_one_sentence() {
    let home = Home::new();
    let serve = |arguments: &[&str], language: &str| {
        let all = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut command = home.command(&all);
        let ran = Ran::from(command.env("LANG", language).output().unwrap());
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{arguments:?}");
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
        ran.err
    };
    let file = home.file("memory = true\n");
    let plain = "redis://127.0.0.1:1";
    for (arguments, says) in [
        (&["--memory", "--backplane", plain][..], "--memory"),
        (&["--config", &file, "--backplane", plain], "--memory"),
        (&["--import"], "--backplane"),
        (&["--backplane", "redis-cluster://host"], "cluster"),
        (&["--backplane", "localhost"], "redis://"),
        (&["--backplane", "redis://:ses/ame@host"], "%2F"),
        (&["--backplane", "redis://host/ses"], "database"),
        (
            &["--backplane", plain, "--backplane-prefix", "a b"],
            "--backplane-prefix",
        ),
        (
            &["--backplane", plain, "--backplane-ca", "/nowhere.pem"],
            "rediss://",
        ),
        (
            &[
                "--backplane",
                "rediss://host",
                "--backplane-ca",
                "/nowhere.pem",
            ],
            "/nowhere.pem",
        ),
    ] {
        let said = serve(arguments, "C.UTF-8");
        assert!(said.contains(says), "{arguments:?}: {said}");
        assert!(!said.contains("ses/ame"), "{said}");
    }
    let said = serve(&["--backplane", "redis://"], "zh_CN.UTF-8");
    assert!(said.contains("地址中没有主机"), "{said}");
    // Nothing was made before it was refused.
    assert!(!home.path().join("data").exists());
}

/// The example shows the defaults, and each line of it works.
#[test]
fn the_example_is_true() {
    let home = Home::new();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contrib/serve.toml");
    let as_it_is = home.print(&["--config", example], &[]);
    let bare = home.print(&[], &[]);
    assert_eq!(
        (as_it_is.code, &as_it_is.out),
        (0, &bare.out),
        "{}",
        as_it_is.err
    );

    let text = std::fs::read_to_string(example).unwrap();
    let options: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()))
        .collect();
    let all = home.print(&["--config", &home.file(&options.join("\n"))], &[]);
    assert_eq!(all.code, 0, "{}", all.err);
    let value = |ran: &Ran, name: &str| line(ran, name).split(" # ").next().unwrap().to_owned();
    let mut named = 0;
    for option in bare.out.lines() {
        let option = option.strip_prefix("# ").unwrap_or(option);
        let Some(name) = option
            .split([' ', '='])
            .next()
            .filter(|name| !name.is_empty())
        else {
            continue;
        };
        if option.contains("What counts") {
            continue;
        }
        named += 1;
        // Each option is in the example, and where it has a default, with it.
        let shown = value(&all, name);
        let kept = ["tls", "socket", "data", "allow-origin", "host", "token"];
        if option.ends_with("# default") && !kept.contains(&name) {
            assert_eq!(shown, value(&bare, name));
        }
    }
    assert_eq!(named, options.len());
    assert!(named > 20);
}
