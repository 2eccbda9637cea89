//! `larkwire doctor`: every illness is found, named, and told apart from the others.
//!
//! `account` has the illnesses of the app, `network` those of the way to the platform, `files` those of the
//! configuration, `webhook` those of a webhook, `manners` what the doctor itself must not do.

mod account;
mod files;
mod manners;
mod network;
mod webhook;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use larkwire_conformance::platform::{AppSpec, Platform};
use serde_json::Value;

use crate::child::Larkwire;
use crate::support::*;

/// What a bot without a file is told.
pub(crate) fn doctor(platform: &Platform) -> Larkwire {
    doctor_at(&platform.base_url())
}

pub(crate) fn doctor_at(domain: &str) -> Larkwire {
    Larkwire::new(["doctor", "--app-id", APP, "--domain", domain]).env("LARKWIRE_APP_SECRET", SECRET)
}

pub(crate) fn doctor_of(config: &Path) -> Larkwire {
    Larkwire::new(["doctor", "--config"]).arg(config)
}

/// What the doctor of a sick app of this platform finds.
pub(crate) async fn sick(app: AppSpec) -> Report {
    let platform = platform().await;
    platform.add_app(app);
    examine(doctor(&platform)).await
}

pub(crate) fn app() -> AppSpec {
    AppSpec::new(APP, SECRET)
}

/// What it found, and with which code it ended.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) code: i32,
    pub(crate) checks: Vec<Value>,
    pub(crate) summary: Value,
}

/// Runs it with `--json`; whatever it is told, it keeps its manners.
pub(crate) async fn examine(bot: Larkwire) -> Report {
    let (code, out, err) = bot.arg("--json").end().await;
    assert_eq!(err, "", "{out}");
    assert!(!out.contains(SECRET) && !out.contains('\x1b'), "{out}");
    let mut lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = lines.pop().unwrap();
    assert_eq!(summary["kind"], "summary");
    for status in ["failed", "ok", "skipped", "warning"] {
        let many = lines.iter().filter(|line| line["status"] == status).count();
        let name = if status == "warning" { "warnings" } else { status };
        assert_eq!(summary[name], many, "{out}");
    }
    for line in &lines {
        assert_eq!(line["kind"], "check", "{out}");
        assert!(line["message"].as_str().is_some_and(|message| !message.is_empty()), "{line}");
        assert!(
            line["next_step"].is_null() || line["next_step"].as_str().is_some_and(|step| !step.is_empty()),
            "{line}"
        );
    }
    Report { code, checks: lines, summary }
}

impl Report {
    /// It has this finding, with all of these words in message and next step.
    #[track_caller]
    pub(crate) fn finds(&self, name: &str, status: &str, words: &[&str]) -> &Self {
        let fits = |check: &&Value| {
            let text = format!("{} {}", check["message"], check["next_step"]).replace("\\\"", "\"");
            check["name"] == name && check["status"] == status && words.iter().all(|word| text.contains(word))
        };
        assert!(self.checks.iter().any(|check| fits(&check)), "no {status} {name} with {words:?}: {self:#?}");
        self
    }

    /// These checks failed and no other; the exit code says so.
    #[track_caller]
    pub(crate) fn failed(&self, names: &[&str]) -> &Self {
        let failed: Vec<_> = self.checks.iter().filter(|check| check["status"] == "failed").collect();
        let failed: Vec<_> = failed.iter().map(|check| check["name"].as_str().unwrap()).collect();
        assert_eq!(failed, names, "{self:#?}");
        assert_eq!(self.code, i32::from(!names.is_empty()), "{self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn skips(&self, names: &[&str]) -> &Self {
        for name in names {
            self.finds(name, "skipped", &[]);
        }
        self
    }
}

/// The kinds of everything the platform recorded, in order.
pub(crate) fn kinds(platform: &Platform) -> Vec<String> {
    let kind = |record: &larkwire_conformance::platform::Record| {
        serde_json::to_value(&record.kind).unwrap()["kind"].as_str().unwrap().to_owned()
    };
    platform.records().iter().map(kind).collect()
}

/// A directory that goes with the test.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("doctor-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A configuration file, which is nobody else's business.
    pub(crate) fn config(&self, text: &str) -> PathBuf {
        let path = self.0.join("larkwire.toml");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The table of a bot at which nothing is wrong.
pub(crate) fn table(platform: &Platform) -> String {
    format!(
        "[lark]\napp_id = \"{APP}\"\napp_secret = \"{SECRET}\"\ndomain = \"{}\"\nallowed_users = [\"*\"]\n",
        platform.base_url()
    )
}
