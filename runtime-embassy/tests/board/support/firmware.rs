//! The image in QEMU: its arguments, the lines it writes, its exit code.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use super::cable::Cable;
use super::door::Door;
use super::{APP, LONG, SECRET, STOP};

/// How an image ended.
pub(crate) struct End {
    pub(crate) code: i32,
    pub(crate) lines: Vec<String>,
}

impl End {
    /// The value of `key=value` in the line that says how it ended.
    pub(crate) fn stat(&self, key: &str) -> u64 {
        let words = self.lines.iter().flat_map(|line| line.split(' '));
        let mut values = words.filter_map(|word| word.strip_prefix(key)?.strip_prefix('=')?.parse().ok());
        values.next().unwrap_or_else(|| panic!("no {key} in {:#?}", self.lines))
    }
}

/// An image that is about to start.
pub(crate) struct Setup {
    image: &'static str,
    arguments: BTreeMap<&'static str, String>,
    machine: Vec<String>,
    /// The root that the image trusts.
    ca: Option<Vec<u8>>,
}

impl Setup {
    /// With this argument of the image.
    pub(crate) fn arg(mut self, key: &'static str, value: impl ToString) -> Self {
        self.arguments.insert(key, value.to_string());
        self
    }

    /// With the image of a small board, which holds one stream at a time.
    pub(crate) fn small(mut self) -> Self {
        self.image = if self.image == "tls" { "small_tls" } else { "small" };
        self
    }

    /// Without a network, in virtual time, and as fast as it goes.
    pub(crate) fn alone(mut self, hours: u64) -> Self {
        self.machine = ["-icount", "shift=0,sleep=off", "-nic", "none"].map(str::to_owned).to_vec();
        self.arg("idle_hours", hours)
    }

    pub(crate) fn start(self) -> Firmware {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let variable = format!("LARKWIRE_BOARD_IMAGE_{}", self.image.to_uppercase());
        let image = env::var_os(&variable).unwrap_or_else(|| panic!("{variable} is not set: run .ci/board"));
        let name = format!("larkwire-board-{}-{}", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        let directory = Directory(env::temp_dir().join(name));
        std::fs::create_dir(&directory.0).unwrap();
        let qmp = directory.0.join("qmp");

        let mut arguments = self.arguments;
        if let Some(ca) = &self.ca {
            let path = directory.0.join("ca.der");
            std::fs::write(&path, ca).unwrap();
            arguments.insert("ca", path.display().to_string());
        }

        let mut semihosting = "enable=on,target=native,arg=board".to_owned();
        for (key, value) in &arguments {
            semihosting += &format!(",arg={key}={value}");
        }
        let mut command = Command::new(env::var_os("QEMU_SYSTEM_ARM").unwrap_or_else(|| "qemu-system-arm".into()));
        command
            .args(["-M", "mps2-an386", "-display", "none", "-monitor", "none", "-serial", "none", "-kernel"])
            .arg(image)
            .args(["-semihosting-config", &semihosting])
            .args(["-qmp", &format!("unix:{},server=on,wait=off", qmp.display())])
            .args(self.machine);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("qemu-system-arm does not start: run .ci/board");
        let lines = Lines::of(child.stderr.take().unwrap());
        Firmware { image: self.image, child, lines, at: 0, cable: None, directory }
    }
}

/// An image that runs. It is killed when it is dropped.
pub(crate) struct Firmware {
    image: &'static str,
    child: Child,
    lines: Lines,
    /// Lines that were heard.
    at: usize,
    cable: Option<Cable>,
    directory: Directory,
}

impl Firmware {
    /// An image whose platform is at this port of the host.
    pub(crate) fn at(port: u16) -> Setup {
        let machine = ["-nic", "user,id=net0,model=lan9118,ipv6=off"].map(str::to_owned).to_vec();
        let setup = Setup { image: "tcp", arguments: BTreeMap::new(), machine, ca: None };
        let setup = setup.arg("app", APP).arg("secret", SECRET).arg("stop", STOP).arg("limit_s", 240);
        setup.arg("url", format_args!("http://10.0.2.2:{port}"))
    }

    /// An image that reaches its platform by TLS.
    pub(crate) fn at_door(door: &Door) -> Setup {
        let setup = Self::at(door.port).arg("url", format_args!("https://10.0.2.2:{}", door.port));
        Setup { image: "tls", ca: Some(door.ca.clone()), ..setup }
    }

    /// Waits for a line with `word` behind the one that was heard last.
    pub(crate) async fn hear(&mut self, word: &str) -> String {
        let search = async {
            loop {
                let (lines, over) = self.lines.after(self.at).await;
                for line in lines {
                    self.at += 1;
                    assert!(!line.contains("fault:"), "{line}");
                    if line.contains(word) {
                        return line;
                    }
                }
                assert!(!over, "the image ended without {word:?}: {:#?}", self.lines.all());
            }
        };
        let heard = timeout(LONG, search).await;
        heard.unwrap_or_else(|_| panic!("the image does not say {word:?}: {:#?}", self.lines.all()))
    }

    /// Pulls the cable, or plugs it in.
    pub(crate) async fn plug(&mut self, up: bool) {
        let cable = match &mut self.cable {
            Some(cable) => cable,
            // QEMU made the socket before the image said its first word.
            none => none.insert(Cable::find(&self.directory.0.join("qmp")).await),
        };
        cable.plug(up).await;
    }

    /// Seconds of processor time that QEMU has used.
    pub(crate) fn processor_time(&self) -> f64 {
        let pid = self.child.id().unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        // Behind the name, which may hold anything: utime and stime, in hundredths of a second.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11..=12].iter().map(|ticks| ticks.parse::<f64>().unwrap() / 100.0).sum()
    }

    /// Waits until it ends by itself, and without a fault.
    pub(crate) async fn end(self) -> End {
        let image = self.image;
        let end = self.last_words().await;
        assert!(!end.lines.iter().any(|line| line.contains("fault:")), "{:#?}", end.lines);
        println!("stack {image} {}", end.stat("stack_peak"));
        end
    }

    /// Waits until it ends, however it does.
    pub(crate) async fn last_words(mut self) -> End {
        let status = timeout(LONG * 2, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("the image does not end: {:#?}", self.lines.all())).unwrap();
        while !self.lines.after(usize::MAX).await.1 {}
        End { code: status.code().unwrap(), lines: self.lines.all() }
    }
}

/// The lines of the image, as they come.
struct Lines {
    all: Arc<Mutex<Vec<String>>>,
    /// How many there are, and whether these are all.
    count: watch::Receiver<(usize, bool)>,
}

impl Lines {
    fn of(pipe: ChildStderr) -> Self {
        let all = Arc::new(Mutex::new(Vec::new()));
        let (sender, count) = watch::channel((0, false));
        let kept = Arc::clone(&all);
        tokio::spawn(async move {
            let mut lines = BufReader::new(pipe).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                kept.lock().unwrap().push(line);
                sender.send_modify(|(count, _)| *count += 1);
            }
            sender.send_modify(|(_, over)| *over = true);
        });
        Self { all, count }
    }

    /// Waits for lines behind the first `at`, or for the end.
    async fn after(&mut self, at: usize) -> (Vec<String>, bool) {
        let over = self.count.wait_for(|(count, over)| *count > at || *over).await.unwrap().1;
        (self.all().into_iter().skip(at).collect(), over)
    }

    fn all(&self) -> Vec<String> {
        self.all.lock().unwrap().clone()
    }
}

struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let path: &Path = &self.0;
        // What is left in a directory for temporary files does no harm.
        let _ = std::fs::remove_dir_all(path);
    }
}
