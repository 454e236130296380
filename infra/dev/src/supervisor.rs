//! The loop that builds, starts and stops the program.

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use rustix::process::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::build::{self, Build};
use crate::options::Options;
use crate::program::{Program, Version};
use crate::ready::NotifySocket;
use crate::watch::Sources;
use crate::{Error, environment, listen, say};

/// What happened outside of the loop.
pub(crate) enum Event {
    /// Source files may have changed.
    Changed,
    /// A build ended: the path of the program, or the error.
    Built(Result<PathBuf, Error>),
    /// The process that was started last serves requests.
    Ready,
    /// A process of the program ended.
    Exited(Pid, io::Result<ExitStatus>),
    /// This process got a signal.
    Stop,
}

/// Runs the program until a signal arrives.
pub(crate) fn run(options: Options) -> Result<(), Error> {
    let (events, received) = channel();
    send_signals(events.clone())?;
    let environment = std::env::current_dir()?.join(environment::FILE);
    let variables = environment::read(&environment)?;
    let metadata = build::metadata()?;
    let socket = listen::bind(&options, &variables)?;
    let has_certificate = environment::lookup(&variables, "ANYHOST_HTTP_TLS_CERT").is_some();
    let scheme = if has_certificate { "https" } else { "http" };
    for (name, url) in listen::urls(socket.local_addr()?, scheme) {
        say(format_args!("{name}: {url}"));
    }
    let mut supervisor = Supervisor {
        sources: Sources::watch(&metadata, environment.clone(), events.clone())?,
        notify_socket: NotifySocket::bind(events.clone())?,
        options,
        environment,
        socket,
        events,
        build: None,
        is_outdated: false,
        next: None,
        starting: None,
        serving: None,
        draining: Vec::new(),
    };
    supervisor.build()?;
    for event in &received {
        match event {
            Event::Changed => supervisor.changed()?,
            Event::Built(result) => supervisor.built(result)?,
            Event::Ready => supervisor.ready(),
            Event::Exited(pid, status) => supervisor.exited(pid, &status),
            Event::Stop => break,
        }
    }
    supervisor.stop();
    while !supervisor.draining.is_empty() {
        match received.recv()? {
            Event::Exited(pid, _) => supervisor.draining.retain(|program| program.pid != pid),
            Event::Stop => supervisor.draining.iter().for_each(Program::stop),
            _ => {}
        }
    }
    Ok(())
}

fn send_signals(events: Sender<Event>) -> io::Result<()> {
    // SIGHUP: the terminal was closed. The processes of the program do not get this signal, because they are in their
    // own process groups.
    let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    thread::spawn(move || {
        for _ in signals.forever() {
            if events.send(Event::Stop).is_err() {
                return;
            }
        }
    });
    Ok(())
}

struct Supervisor {
    options: Options,
    /// The path of the file `.env`.
    environment: PathBuf,
    sources: Sources,
    socket: TcpListener,
    notify_socket: NotifySocket,
    events: Sender<Event>,
    build: Option<Build>,
    /// Whether files have changed since the build in progress was started.
    is_outdated: bool,
    /// The program to start as soon as the process in `starting` has ended. Only one process starts at a time, because
    /// [`Event::Ready`] does not name the process.
    next: Option<PathBuf>,
    starting: Option<Program>,
    serving: Option<Program>,
    /// Processes that complete their requests in flight.
    draining: Vec<Program>,
}

impl Supervisor {
    fn build(&mut self) -> Result<(), Error> {
        self.is_outdated = false;
        self.build = Some(Build::start(&self.options.cargo, self.events.clone())?);
        Ok(())
    }

    fn changed(&mut self) -> Result<(), Error> {
        if !self.sources.has_changed()? {
            return Ok(());
        }
        match self.build {
            Some(_) => self.is_outdated = true,
            None => self.build()?,
        }
        Ok(())
    }

    fn built(&mut self, result: Result<PathBuf, Error>) -> Result<(), Error> {
        self.build = None;
        match result {
            Ok(executable) => match &self.starting {
                Some(starting) => {
                    starting.stop();
                    self.next = Some(executable);
                }
                None => self.start(executable),
            },
            Err(error) => self.failed(&error),
        }
        if self.is_outdated {
            self.build()?;
        }
        Ok(())
    }

    /// Starts a process, unless the process that serves is of the same version.
    fn start(&mut self, executable: PathBuf) {
        let version = environment::read(&self.environment)
            .and_then(|variables| Ok(Version::of(executable, variables)?));
        let version = match version {
            Ok(version) => version,
            Err(error) => return self.failed(&error),
        };
        if self
            .serving
            .as_ref()
            .is_some_and(|program| program.version == version)
        {
            return;
        }
        let started = Program::start(
            version,
            &self.options.program,
            &self.socket,
            &self.notify_socket.path(),
            self.events.clone(),
        );
        match started {
            Ok(program) => self.starting = Some(program),
            Err(error) => self.failed(&format!("cannot start the program: {error}").into()),
        }
    }

    fn ready(&mut self) {
        let Some(started) = self.starting.take() else {
            return;
        };
        if let Some(old) = self.serving.replace(started) {
            old.stop();
            self.draining.push(old);
        }
    }

    fn exited(&mut self, pid: Pid, status: &io::Result<ExitStatus>) {
        let status = match status {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        self.draining.retain(|program| program.pid != pid);
        if self
            .starting
            .as_ref()
            .is_some_and(|program| program.pid == pid)
        {
            self.starting = None;
            match self.next.take() {
                Some(executable) => self.start(executable),
                None => self.failed(&format!("the program ended at its start ({status})").into()),
            }
        } else if self
            .serving
            .as_ref()
            .is_some_and(|program| program.pid == pid)
        {
            self.serving = None;
            say(format_args!(
                "the program ended ({status}); waiting for a change"
            ));
        }
    }

    fn failed(&self, error: &Error) {
        let then = match self.serving {
            Some(_) => "the last good program continues to serve",
            None => "waiting for a change",
        };
        say(format_args!("{error}; {then}"));
    }

    /// Cancels the build, and asks all processes to end.
    fn stop(&mut self) {
        if let Some(build) = &self.build {
            build.cancel();
        }
        self.draining.extend(self.starting.take());
        self.draining.extend(self.serving.take());
        self.draining.iter().for_each(Program::stop);
    }
}
