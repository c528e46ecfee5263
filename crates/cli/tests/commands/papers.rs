use std::process::Command;

fn feedbell(arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_feedbell"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn every_command_has_its_page_in_the_manual() {
    let folder = tempfile::tempdir().unwrap();
    let done = feedbell(&["man", folder.path().to_str().unwrap()]);
    assert!(done.status.success(), "{done:?}");
    let page = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(page("feedbell.1").contains("FEEDBELL_HUB"));
    for command in ["listen", "send", "serve", "check", "run", "status", "pause"] {
        assert!(
            page(&format!("feedbell-{command}.1")).contains(".SH OPTIONS"),
            "{command}"
        );
    }
}

#[test]
fn shells_can_complete_it() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let done = feedbell(&["completions", shell]);
        assert!(done.status.success(), "{done:?}");
        assert!(
            String::from_utf8(done.stdout)
                .unwrap()
                .contains("last-event-id"),
            "{shell}"
        );
    }
    assert_eq!(feedbell(&["completions", "cmd.exe"]).status.code(), Some(2));
}

#[cfg(target_os = "linux")]
#[test]
fn bash_takes_the_completions() {
    let script = String::from_utf8(feedbell(&["completions", "bash"]).stdout).unwrap();
    let ask = "\nCOMP_WORDS=(feedbell sta); COMP_CWORD=1; _feedbell feedbell sta feedbell; echo ${COMPREPLY[@]}";
    let done = Command::new("bash")
        .args(["-c", &format!("{script}{ask}")])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&done.stdout).trim(),
        "status",
        "{done:?}"
    );
}
