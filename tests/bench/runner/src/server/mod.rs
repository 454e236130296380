//! HTTP servers.

mod client;
mod load;
mod memory;
pub mod peers;
pub mod programs;
pub mod workloads;

use self::client::Connection;
use self::load::Load;
use self::peers::{PEERS, Peer, Running, Server, Source};
use self::workloads::Workload;
use crate::callgrind::{self, Count};
use crate::statistics::{Median, interleaved};
use crate::{Result, table};

pub fn measure() -> Result {
    let hello = build(&PEERS, "hello")?;
    let app = build(&PEERS, "app")?;
    for workload in workloads::all() {
        let servers = match workload.application {
            "hello" => &hello,
            _ => &app,
        };
        verify(servers, &workload)?;
        measure_workload(servers, &workload)?;
    }
    measure_http2(&app)?;
    measure_memory(&hello)
}

fn build(peers: &[Peer], application: &'static str) -> Result<Vec<Server>> {
    let servers = peers.iter().map(|peer| Server::build(*peer, application));
    servers.collect()
}

/// Fails if a server does not give the expected response.
fn verify(servers: &[Server], workload: &Workload) -> Result {
    for server in servers {
        let (name, title) = (server.peer.name, workload.title);
        request(server, workload).map_err(|error| format!("{name}, {title}: {error}"))?;
    }
    Ok(())
}

fn request(server: &Server, workload: &Workload) -> Result {
    let running = server.start()?;
    workload.check(&running.connect()?.exchange(&workload.request())?)
}

/// Starts the servers, and waits until they accept connections.
fn start<'a>(servers: impl IntoIterator<Item = &'a Server>) -> Result<Vec<Running>> {
    let running = servers.into_iter().map(Server::start);
    let running = running.collect::<Result<Vec<Running>>>()?;
    for running in &running {
        running.connect()?;
    }
    Ok(running)
}

fn measure_workload(servers: &[Server], workload: &Workload) -> Result {
    let mut rows = Vec::new();
    for server in servers {
        // valgrind cannot run Node.js.
        let count = match server.peer.source {
            Source::Node => "–".to_owned(),
            _ => table::grouped(instructions(server, workload)?.total()),
        };
        rows.push(vec![server.peer.name.to_owned(), count]);
    }
    let running = start(servers)?;
    let mut columns = vec!["server".to_owned(), "instructions".to_owned()];
    for &connections in workload.connections {
        let loads = interleaved(workload.rounds, &running, |running| {
            load::wrk(running, workload, connections)
        })?;
        if connections == 64 {
            columns.push("CPU time, µs".to_owned());
        }
        columns.push(format!("requests/s, {connections} conn."));
        columns.push("p99, ms".to_owned());
        for (row, loads) in rows.iter_mut().zip(&loads) {
            if connections == 64 {
                row.push(format!("{:.1}", median(loads, |load| load.cpu)));
            }
            row.push(median(loads, |load| load.requests_per_second).grouped());
            row.push(format!("{:.2}", median(loads, |load| load.p99)));
        }
    }
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    table::print(workload.title, &columns, &rows);
    Ok(())
}

/// The instructions of one request on a connection with keep-alive.
pub fn instructions(server: &Server, workload: &Workload) -> Result<Count> {
    instructions_among(0, server, workload)
}

/// As [`instructions`], while this number of other connections is open, each of which has served one request.
pub fn instructions_among(idle: usize, server: &Server, workload: &Workload) -> Result<Count> {
    let (few, many) = workload.repetitions;
    callgrind::per_repetition(few, many, |requests, output| {
        let running = server.start_as(callgrind::command(&server.program, output))?;
        let exchange = |connection: &mut Connection| {
            workload.check(&connection.exchange(&workload.request())?)
        };
        let mut idle_connections = Vec::new();
        for _ in 0..idle {
            let mut connection = running.connect()?;
            exchange(&mut connection)?;
            idle_connections.push(connection);
        }
        let mut connection = running.connect()?;
        for _ in 0..requests {
            exchange(&mut connection)?;
        }
        drop((connection, idle_connections));
        running.process.terminate()?;
        Ok(())
    })
}

fn measure_http2(servers: &[Server]) -> Result {
    let servers: Vec<&Server> = servers.iter().filter(|server| server.peer.http2).collect();
    let running = start(servers.iter().copied())?;
    let loads = interleaved(5, &running, |running| {
        load::h2load(running, "/", "Hello, world!".len())
    })?;
    let rows = servers.iter().zip(&loads).map(|(server, loads)| {
        vec![
            server.peer.name.to_owned(),
            format!("{:.1}", median(loads, |load| load.cpu)),
            median(loads, |load| load.requests_per_second).grouped(),
            format!("{:.2}", median(loads, |load| load.p99)),
        ]
    });
    table::print(
        "Text over HTTP/2, 100 streams of one connection",
        &["server", "CPU time, µs", "requests/s", "p99, ms"],
        &rows.collect::<Vec<_>>(),
    );
    Ok(())
}

fn measure_memory(servers: &[Server]) -> Result {
    let text = &workloads::all()[0];
    let idle = interleaved(5, servers, |server| {
        memory::per_idle_connection(server, text)
    })?;
    let peaks = interleaved(3, servers, |server| {
        let running = server.start()?;
        running.connect()?;
        load::wrk(&running, text, 1000)?;
        Ok(memory::peak(&running)? as f64)
    })?;
    let rows = servers
        .iter()
        .zip(idle)
        .zip(peaks)
        .map(|((server, idle), peaks)| {
            let kilobytes = |values: Vec<f64>| {
                Median::of(values.into_iter().map(|bytes| bytes / 1024.0).collect())
            };
            vec![
                server.peer.name.to_owned(),
                format!("{:.1}", kilobytes(idle)),
                kilobytes(peaks).grouped(),
            ]
        });
    table::print(
        "Resident memory",
        &[
            "server",
            "idle connection, KB",
            "peak with 1,000 active connections, KB",
        ],
        &rows.collect::<Vec<_>>(),
    );
    Ok(())
}

fn median(loads: &[Load], value: impl Fn(&Load) -> f64) -> Median {
    Median::of(loads.iter().map(value).collect())
}
