//! The servers that are compared: each is started anew for every measurement, as a process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::ValueEnum;
use clap::builder::PossibleValue;
use procfs::process::Process;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use crate::engine::{Engine, Way};
use crate::load::Dialect;
use crate::raw::Sending;
use crate::{axum_sse, raw};

const NCHAN_MODULES: [&str; 3] = [
    "/usr/lib/nginx/modules/ngx_nchan_module.so",
    "/usr/lib64/nginx/modules/ngx_nchan_module.so",
    "/usr/share/nginx/modules/ngx_nchan_module.so",
];
/// How long a server may take to listen.
const START: Duration = Duration::from_secs(20);

/// One of the servers that are compared.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// This program itself, in another role.
    Own(Role),
    Nchan {
        module: PathBuf,
    },
    Feedbell {
        program: PathBuf,
        flags: Vec<String>,
        log: Log,
    },
    /// No server: the engine of a backplane alone.
    Bare(Way),
}

/// Where a Feedbell has its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Log {
    Memory,
    Disk,
    /// At an engine of its own, and a copy on disk.
    Engine,
}

/// A server that is this program itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    Raw,
    RawCoalescing,
    Axum,
}

/// Which CPUs the server and the load have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pinning {
    everywhere: CpuSet,
    apart: bool,
}

/// A server that runs. It ends with this.
pub(crate) struct Running {
    child: Child,
    address: SocketAddr,
    dialect: Dialect,
    /// Ends by itself when told.
    is_told: bool,
    /// Where its log lies. It ends later.
    engine: Option<Engine>,
    /// Where it has its files.
    _folder: TempDir,
}

impl Server {
    pub(crate) fn is_feedbell(&self) -> bool {
        matches!(self.kind, Kind::Feedbell { .. })
    }

    pub(crate) fn is_stored(&self) -> bool {
        matches!(&self.kind, Kind::Feedbell { log, .. } if *log != Log::Memory)
    }

    /// Whether it takes an engine.
    pub(crate) fn has_engine(&self) -> bool {
        match self.kind {
            Kind::Feedbell { log, .. } => log == Log::Engine,
            Kind::Bare(_) => true,
            Kind::Own(_) | Kind::Nchan { .. } => false,
        }
    }

    /// How it is measured, if it is an engine alone.
    pub(crate) fn bare(&self) -> Option<Way> {
        match self.kind {
            Kind::Bare(way) => Some(way),
            _ => None,
        }
    }

    /// Starts it and waits until it listens. `extra` are flags for Feedbell alone.
    ///
    /// # Errors
    /// It does not start, or says nothing.
    pub(crate) fn start(&self, pinning: &Pinning, extra: &[&str]) -> anyhow::Result<Running> {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let mut dialect = Dialect::Hub;
        let mut is_told = false;
        let mut known = None;
        let mut engine = None;
        let mut command = match &self.kind {
            Kind::Own(role) => {
                let mut command = Command::new(std::env::current_exe()?);
                let value = role.to_possible_value();
                let value = value.as_ref().map(PossibleValue::get_name);
                command.args(["--role", value.unwrap_or_default()]);
                command
            }
            Kind::Nchan { module } => {
                dialect = Dialect::Nchan;
                is_told = true;
                // nginx cannot say which port it got.
                let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
                known = Some(free);
                let path = folder.path().join("nginx.conf");
                std::fs::write(&path, nchan(module, free))?;
                let mut command = Command::new("nginx");
                command.arg("-p").arg(folder.path()).arg("-c").arg(path);
                command.args(["-e", "stderr"]);
                command
            }
            Kind::Feedbell {
                program,
                flags,
                log,
            } => {
                let mut command = Command::new(program);
                command.args(["serve", "--listen", "127.0.0.1:0", "--socket", "none"]);
                // Nothing here is to be limited.
                command.args(["--max-streams", "100000", "--keep-events", "10000000"]);
                command.args(["--publish-rate", "1e9", "--publish-burst", "4000000000"]);
                if *log == Log::Memory {
                    command.arg("--memory");
                } else {
                    command.arg("--data").arg(folder.path().join("data"));
                }
                if *log == Log::Engine {
                    let started = Engine::start(folder.path(), |command| pinning.spawn(command))?;
                    let url = format!("redis://{}", started.address());
                    command.args(["--backplane", &url]);
                    engine = Some(started);
                }
                command.args(flags).args(extra);
                // No settings of whoever measures.
                command.env_clear().env("HOME", folder.path());
                command.env("FEEDBELL_LOG", "error");
                command
            }
            Kind::Bare(_) => bail!("it is no server"),
        };
        command.current_dir(folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = pinning
            .spawn(&mut command)
            .with_context(|| self.name.clone())?;
        let mut running = Running {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            dialect,
            is_told,
            engine,
            _folder: folder,
        };
        let address = match known {
            Some(address) => wait_for(address),
            None => listening(&mut running.child),
        };
        running.address = address.with_context(|| format!("{} does not start", self.name))?;
        if running.engine.is_some() {
            running.wait_until_ready()?;
        }
        Ok(running)
    }
}

impl Pinning {
    /// The server on the first CPU, the load on the second; `free`, or without a second:
    /// everything everywhere.
    pub(crate) fn new(free: bool) -> Self {
        let everywhere = sched_getaffinity(None).unwrap_or_default();
        let apart = !free && everywhere.is_set(0) && everywhere.is_set(1);
        let pinning = Self { everywhere, apart };
        pinning.pin(1);
        pinning
    }

    pub(crate) fn is_apart(&self) -> bool {
        self.apart
    }

    /// A child has the CPUs of the thread that makes it, and its threads after it.
    pub(crate) fn spawn(&self, command: &mut Command) -> anyhow::Result<Child> {
        self.pin(0);
        let child = command.spawn();
        self.pin(1);
        let program = command.get_program().display();
        child.with_context(|| format!("{program} cannot be started"))
    }

    fn pin(&self, cpu: usize) {
        let mut set = CpuSet::new();
        set.set(cpu);
        let set = if self.apart { &set } else { &self.everywhere };
        let _ = sched_setaffinity(None, set);
    }
}

impl Running {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Where its log lies, if that is an engine.
    pub(crate) fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }

    /// CPU time of all its processes and threads so far, those of its engine too.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        self.processes()?.iter().map(cpu_of).sum()
    }

    /// Memory of all its processes, its engine too, what they share divided among all who have it:
    /// bytes.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        let mut bytes = 0;
        for process in self.processes()? {
            let rollup = process.smaps_rollup()?;
            let maps = rollup.memory_map_rollup.0;
            bytes += maps
                .iter()
                .filter_map(|map| map.extension.map.get("Pss"))
                .sum::<u64>();
        }
        ensure!(
            bytes > 0,
            "the system does not say how much memory a process has"
        );
        Ok(bytes)
    }

    /// Waits until a node has joined and takes publications.
    fn wait_until_ready(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let mut stream = TcpStream::connect(self.address)?;
            stream.set_read_timeout(Some(START))?;
            let request =
                "GET /healthz/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            stream.write_all(request.as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            if answer.starts_with("HTTP/1.1 200") && !answer.contains("\"publishing\":false") {
                return Ok(());
            }
            ensure!(begun.elapsed() < START, "it does not get ready: {answer}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn processes(&self) -> anyhow::Result<Vec<Process>> {
        let engine = self.engine.as_ref().map(Engine::id);
        let own = [self.child.id()].into_iter().chain(engine);
        let own = own.map(|id| anyhow::Ok(Process::new(i32::try_from(id)?)?));
        let mut processes = own.collect::<anyhow::Result<Vec<_>>>()?;
        let mut at = 0;
        while let Some(process) = processes.get(at) {
            let children = process.task_main_thread()?.children()?;
            for child in children {
                processes.push(Process::new(i32::try_from(child)?)?);
            }
            at += 1;
        }
        Ok(processes)
    }
}

/// CPU time of all threads of a process so far.
pub(crate) fn cpu_of(process: &Process) -> anyhow::Result<Duration> {
    // A thread may end meanwhile.
    let tasks = process.tasks()?.flatten();
    let stats = tasks.filter_map(|task| task.schedstat().ok());
    let nanos = stats.map(|stat| stat.sum_exec_runtime).sum();
    Ok(Duration::from_nanos(nanos))
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_told
            && let Some(pid) = Pid::from_raw(self.child.id() as i32)
        {
            let _ = kill_process(pid, Signal::TERM);
            let told = Instant::now();
            while told.elapsed() < START && matches!(self.child.try_wait(), Ok(None)) {
                thread::sleep(Duration::from_millis(5));
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What this program does in the role of a server.
///
/// # Errors
/// The system has no port, or the server ended.
pub(crate) fn play(role: Role) -> anyhow::Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    // The standard library's queue of connections is short.
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    listener.listen(4096)?;
    let listener = TcpListener::from(listener);
    println!("listening on http://{}", listener.local_addr()?);
    // Whoever started it may have been ended.
    thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    match role {
        Role::Raw => raw::serve(listener, Sending::Each)?,
        Role::RawCoalescing => raw::serve(listener, Sending::Together)?,
        Role::Axum => axum_sse::serve(listener)?,
    }
    Ok(())
}

/// The nchan module, if nginx and it are installed.
pub(crate) fn find_nchan() -> Option<PathBuf> {
    let version = Command::new("nginx").arg("-v").output();
    version.ok().filter(|output| output.status.success())?;
    let mut modules = NCHAN_MODULES.iter().map(Path::new);
    modules.find(|path| path.exists()).map(Path::to_owned)
}

fn nchan(module: &Path, address: SocketAddr) -> String {
    format!(
        "load_module {module};\n\
         daemon off; worker_processes 1; pid nginx.pid;\n\
         events {{ worker_connections 40000; }}\n\
         http {{\n\
           access_log off; keepalive_requests 100000000; tcp_nodelay on;\n\
           client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;\n\
           uwsgi_temp_path uwsgi; scgi_temp_path scgi; client_body_buffer_size 64k;\n\
           nchan_shared_memory_size 512M; nchan_message_buffer_length 100000;\n\
           nchan_message_timeout 1h;\n\
           server {{\n\
             listen {address} backlog=4096;\n\
             location /events {{ nchan_subscriber eventsource; nchan_channel_id $arg_channel;\n\
               nchan_subscriber_first_message newest; }}\n\
             location /publish {{ nchan_publisher; nchan_channel_id $arg_channel; }}\n\
           }}\n\
         }}\n",
        module = module.display(),
    )
}

/// The address that a server says it has.
fn listening(child: &mut Child) -> anyhow::Result<SocketAddr> {
    let stdout = child.stdout.as_mut().context("its output is ours")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let address = line.trim().split_once("://").map(|(_, address)| address);
    match address.and_then(|address| address.parse().ok()) {
        Some(address) => Ok(address),
        None => bail!("it said “{}”", line.trim()),
    }
}

fn wait_for(address: SocketAddr) -> anyhow::Result<SocketAddr> {
    let begun = Instant::now();
    while begun.elapsed() < START {
        if TcpStream::connect(address).is_ok() {
            return Ok(address);
        }
        thread::sleep(Duration::from_millis(5));
    }
    bail!("nobody listens on {address}")
}
