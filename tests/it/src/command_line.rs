//! The `samband` binary as people use it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The binary built in the same profile as this test.
pub fn samband() -> PathBuf {
    if let Some(path) = std::env::var_os("SAMBAND_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().join("samband")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(samband());
    command.args(arguments);
    for (name, _) in std::env::vars() {
        if name.starts_with("SAMBAND_") {
            command.env_remove(name);
        }
    }
    command
}

pub fn output(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the samband binary is built")
}

#[track_caller]
pub fn ok(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
pub fn fails_with(output: Output, reason: &str) {
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && error.contains(reason), "{error}");
}

/// A server that ends with the test.
struct Dev {
    child: Child,
    data: tempfile::TempDir,
}

impl Dev {
    fn start(arguments: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let directory = data.path().to_str().unwrap().to_owned();
        let mut all = vec!["dev", "--listen", "127.0.0.1:0", "--data", &directory];
        all.extend(arguments);
        let child = command(&all)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let dev = Self { child, data };
        ok(output(&["ready", "--wait", "--data", &directory]));
        dev
    }
    fn data(&self) -> &str {
        self.data.path().to_str().unwrap()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_server_is_administered_from_the_command_line() {
    let dev = Dev::start(&[]);
    let data = dev.data();
    let user = ok(output(&["user", "create", "--data", data])).trim().to_owned();
    assert!(user.starts_with("8:acs:"), "{user}");
    let token = ok(output(&[
        "token",
        "issue",
        &user,
        "--scope",
        "chat,voip",
        "--expires",
        "60m",
        "--data",
        data,
    ]));
    assert_eq!(token.trim().split('.').count(), 3);
    let issued = ok(output(&["token", "issue", &user, "--json", "--data", data]));
    let issued: Value = serde_json::from_str(&issued).unwrap();
    assert!(issued["expiresOn"].is_string());
    ok(output(&["token", "revoke", &user, "--data", data]));

    let created = ok(output(&["resource", "create", "other", "--data", data]));
    assert!(
        created.contains("Created 'other' at https://other.localhost:"),
        "{created}"
    );
    let list = ok(output(&["resource", "list", "--data", data]));
    assert!(list.contains("dev ") && list.contains("other "), "{list}");
    let keys = |slot: &[&str]| -> Value {
        let mut arguments = vec!["key"];
        arguments.extend(slot);
        arguments.extend(["--resource", "other", "--json", "--data", data]);
        serde_json::from_str(&ok(output(&arguments))).unwrap()
    };
    let before = keys(&["show"]);
    let after = keys(&["rotate", "--secondary"]);
    assert_eq!(before["primaryKey"], after["primaryKey"]);
    assert_ne!(before["secondaryKey"], after["secondaryKey"]);
    ok(output(&["key", "rotate", "--signing", "--data", data]));
    ok(output(&["resource", "delete", "other", "--data", data]));
    ok(output(&["user", "delete", &user, "--data", data]));

    fails_with(
        output(&["user", "delete", &user, "--data", data]),
        "There is no such user",
    );
    fails_with(
        output(&["token", "issue", &user, "--expires", "59m", "--data", data]),
        "60 to 1440 minutes",
    );
    fails_with(
        output(&["key", "show", "--resource", "other", "--data", data]),
        "There is no such resource",
    );
}

#[test]
fn mistakes_are_explained() {
    let empty = tempfile::tempdir().unwrap();
    let data = empty.path().to_str().unwrap();
    fails_with(output(&["user", "create", "--data", data]), "no server found");
    fails_with(output(&["ready", "--data", data]), "not ready");
    fails_with(
        output(&["dev", "--listen", "0.0.0.0:0", "--data", data]),
        "--random-key",
    );
    fails_with(
        output(&["dev", "--key", "%%%", "--listen", "127.0.0.1:0", "--memory"]),
        "not Base64",
    );
    let file = empty.path().join("samband.toml");
    std::fs::write(&file, "[server]\nlisten_http = \"x\"\n").unwrap();
    let file = file.to_str().unwrap();
    fails_with(output(&["config", "check", "-c", file]), "did you mean 'listen'?");
    assert!(ok(output(&["config", "show"])).contains("127.0.0.1:7443"));
    assert!(ok(output(&["config", "show", "--defaults"])).contains("# Address of the HTTPS listener"));

    let dev = Dev::start(&[]);
    fails_with(
        output(&["dev", "--listen", "127.0.0.1:0", "--data", dev.data()]),
        "in use by another samband",
    );
}

#[test]
fn run_gives_a_command_all_that_it_needs_and_ends_as_it_ends() {
    let script = r#"test -n "$SAMBAND_ENDPOINT" && test -n "$SAMBAND_ADMIN_TOKEN" && test -n "$SAMBAND_RESOURCE_ID" &&
        test -f "$SAMBAND_CA_FILE" && test -f "$REQUESTS_CA_BUNDLE" && test -f "$SSL_CERT_FILE" &&
        test -f "$NODE_EXTRA_CA_CERTS" && test "$MY_CS" = "$COMMUNICATION_SERVICES_CONNECTION_STRING" &&
        test "$(printf %s "$MY_TOKEN" | tr -dc . )" = ".." && case "$JAVA_TOOL_OPTIONS" in *trustStore=*) exit 7;; esac"#;
    let ended = output(&[
        "run",
        "--set",
        "MY_CS=connection-string",
        "--set",
        "MY_TOKEN=token",
        "--",
        "sh",
        "-c",
        script,
    ]);
    assert_eq!(
        ended.status.code(),
        Some(7),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    fails_with(
        output(&["run", "--set", "X=nothing", "--", "true"]),
        "none of connection-string",
    );
    fails_with(
        output(&["run", "--", "/nonexistent/command"]),
        "running /nonexistent/command",
    );
}

#[test]
fn the_env_file_is_for_shells_and_a_term_signal_ends_the_server_in_order() {
    let files = tempfile::tempdir().unwrap();
    let env = files.path().join("samband.env");
    let mut dev = Dev::start(&["--env-file", env.to_str().unwrap()]);
    let script = format!(
        ". '{}' && curl -sf --cacert \"$SAMBAND_CA_FILE\" \"$SAMBAND_ENDPOINT/livez\"",
        env.display()
    );
    assert_eq!(ok(Command::new("sh").args(["-c", &script]).output().unwrap()), "ok\n");
    assert!(dev.data.path().join("server.json").exists());

    let pid = dev.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(dev.child.wait().unwrap().success());
    assert!(!dev.data.path().join("server.json").exists());
}
