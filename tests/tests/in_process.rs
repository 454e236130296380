//! The probe as a plain function.

#[allow(dead_code)]
#[path = "../../examples/probe.rs"]
mod probe;

use anyhost::testing::Client;
use anyhost_conformance::{InProcess, contract};

#[tokio::test]
async fn the_contract_holds_in_process() {
    let client = Client::new(probe::app());
    assert_eq!(
        contract::run(&InProcess::new(client)).await,
        Vec::<String>::new()
    );
}
