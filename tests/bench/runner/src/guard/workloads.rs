//! The workloads that are guarded.

use crate::Result;
use crate::callgrind::Count;
use crate::cgi;
use crate::in_process::{self, Workload as InProcess};
use crate::lambda::{self, Workload as Lambda};
use crate::server;
use crate::server::peers::{ANYHOST, ANYHOST_LOG_OFF, Peer, Server};
use crate::server::workloads::{self, Workload as Http};

pub struct Workload {
    pub name: &'static str,
    pub count: fn() -> Result<Count>,
}

/// Each also stands for the others of its kind: growth with the size is checked by `plots`.
pub const ALL: [Workload; 11] = [
    Workload {
        name: "HTTP GET, log on",
        count: || http(ANYHOST, &workloads::text()),
    },
    Workload {
        name: "HTTP GET, log off",
        count: || http(ANYHOST_LOG_OFF, &workloads::text()),
    },
    Workload {
        name: "HTTP GET, route with a parameter",
        count: || http(ANYHOST_LOG_OFF, &workloads::parameter()),
    },
    Workload {
        name: "HTTP POST, JSON",
        count: || http(ANYHOST_LOG_OFF, &workloads::json()),
    },
    Workload {
        name: "Lambda, JSON, log on",
        count: || lambda::instructions(&lambda::ANYHOST, &Lambda::json()),
    },
    Workload {
        name: "Lambda, JSON, log off",
        count: || lambda::instructions(&lambda::ANYHOST.without_log(), &Lambda::json()),
    },
    Workload {
        name: "CGI",
        count: || {
            let request = cgi::Request::hello();
            cgi::instructions(&cgi::anyhost(&request)?, &request)
        },
    },
    Workload {
        name: "in-process, text",
        count: || in_process::instructions(in_process::ANYHOST, InProcess::TEXT),
    },
    Workload {
        name: "in-process, JSON",
        count: || in_process::instructions(in_process::ANYHOST, InProcess::JSON),
    },
    Workload {
        name: "in-process, route",
        count: || in_process::instructions(in_process::ANYHOST, InProcess::new("route", 1)),
    },
    Workload {
        name: "in-process, route with a parameter",
        count: || in_process::instructions(in_process::ANYHOST, InProcess::PARAMETER),
    },
];

/// All requests are sent to one program, because building a program takes longer than counting.
fn http(peer: Peer, workload: &Http) -> Result<Count> {
    server::instructions(&Server::build(peer, "app")?, workload)
}
