//! Measures the points of the figures.

use super::figure::{Figure, Series};
use crate::callgrind::Count;
use crate::in_process::{self, Workload as InProcess};
use crate::server::peers::{ANYHOST_LOG_OFF, AXUM, Peer, Server};
use crate::server::{self, workloads};
use crate::{Result, cgi};

/// anyhost without its log, because axum has none.
const SERVERS: [(&str, Peer); 2] = [("anyhost", ANYHOST_LOG_OFF), ("axum", AXUM)];

const REQUEST: &str = "instructions per request";

pub fn json() -> Result<Figure> {
    let series = |server: &Server| {
        points(&[10, 80, 160, 320, 640, 1280], |items| {
            let mut workload = workloads::json_of("JSON", items);
            workload.repetitions = (20, 60);
            let kilobytes = workload.body.len() as f64 / 1024.0;
            Ok((kilobytes, server::instructions(server, &workload)?))
        })
    };
    Ok(Figure {
        name: "json",
        title: "JSON, parsed and encoded again, by size",
        x: "size of the body, KB",
        y: REQUEST,
        unit: "KB",
        series: of_servers(series)?,
    })
}

pub fn body() -> Result<Figure> {
    let series = |server: &Server| {
        // hyper passes on a smaller body in one piece, which is not copied.
        points(&[128, 256, 384, 512, 768, 1024], |kilobytes| {
            let mut workload = workloads::echo("body", kilobytes * 1024);
            workload.repetitions = (20, 60);
            Ok((kilobytes as f64, server::instructions(server, &workload)?))
        })
    };
    Ok(Figure {
        name: "body",
        title: "Bytes, read as a whole and sent back, by size",
        x: "size of the body, KB",
        y: REQUEST,
        unit: "KB",
        series: of_servers(series)?,
    })
}

pub fn headers() -> Result<Figure> {
    let series = |server: &Server| {
        points(&[0, 15, 30, 45, 60, 75, 90], |headers| {
            let mut workload = workloads::text();
            workload.headers = headers;
            Ok((headers as f64, server::instructions(server, &workload)?))
        })
    };
    Ok(Figure {
        name: "headers",
        title: "GET by number of request headers",
        x: "headers beside Host",
        y: REQUEST,
        unit: "header",
        series: of_servers(series)?,
    })
}

pub fn connections() -> Result<Figure> {
    let series = |server: &Server| {
        points(&[0, 100, 200, 400, 600, 800], |idle| {
            let mut workload = workloads::text();
            // Many requests, because the cost of accepting the connections varies.
            workload.repetitions = (200, 4200);
            let count = server::instructions_among(idle, server, &workload)?;
            Ok((idle as f64, count))
        })
    };
    Ok(Figure {
        name: "connections",
        title: "GET by number of open connections",
        x: "other open connections",
        y: REQUEST,
        unit: "connection",
        series: of_servers(series)?,
    })
}

pub fn routes() -> Result<Figure> {
    let points = points(&[1, 100, 200, 400, 600, 800, 1000], |routes| {
        let workload = InProcess::new("parameter", u32::try_from(routes)?);
        let count = in_process::instructions(in_process::ANYHOST, workload)?;
        Ok((routes as f64, count))
    })?;
    Ok(Figure {
        name: "routes",
        title: "Call in-process by number of routes with a parameter",
        x: "routes",
        y: "instructions per call",
        unit: "route",
        series: vec![Series {
            name: "anyhost",
            is_anyhost: true,
            points,
        }],
    })
}

pub fn environment() -> Result<Figure> {
    let program = cgi::anyhost(&cgi::Request::hello())?;
    let series = |name, request: fn(usize) -> cgi::Request| -> Result<Series> {
        let points = points(&[0, 25, 50, 100, 150, 200], |variables| {
            let count = cgi::instructions(&program, &request(variables))?;
            Ok((variables as f64, count))
        })?;
        Ok(Series {
            name,
            is_anyhost: true,
            points,
        })
    };
    Ok(Figure {
        name: "environment",
        title: "CGI process by size of its environment",
        x: "variables beside those of a GET",
        y: "instructions per process",
        unit: "variable",
        series: vec![
            series("request headers", |headers| cgi::Request {
                headers,
                ..cgi::Request::hello()
            })?,
            series("other variables", |variables| cgi::Request {
                variables,
                ..cgi::Request::hello()
            })?,
        ],
    })
}

fn of_servers(series: impl Fn(&Server) -> Result<Vec<(f64, f64)>>) -> Result<Vec<Series>> {
    let series = SERVERS.map(|(name, peer)| {
        let points = series(&Server::build(peer, "app")?)?;
        Ok(Series {
            name,
            is_anyhost: name == "anyhost",
            points,
        })
    });
    series.into_iter().collect()
}

fn points(
    sizes: &[usize],
    measure: impl Fn(usize) -> Result<(f64, Count)>,
) -> Result<Vec<(f64, f64)>> {
    let points = sizes.iter().map(|size| {
        let (x, count) = measure(*size)?;
        Ok((x, count.total() as f64))
    });
    points.collect()
}
