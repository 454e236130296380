//! Reading the environment of this process.
//!
//! `std::env::vars_os` makes two allocations for each variable. A server passes 15 to 40 variables, and they would be a
//! tenth of all instructions of a process.

#![allow(unsafe_code)]

#[cfg(target_os = "linux")]
use std::ffi::{CStr, c_char};

/// Calls a function with each variable (`NAME=value`) and the length of its name, in the order of the environment.
#[cfg(target_os = "linux")]
pub(crate) fn for_each_variable(mut visit: impl FnMut(&[u8], usize)) {
    unsafe extern "C" {
        static mut environ: *const *const c_char;
    }
    // SAFETY: `environ` is null, or an array of strings that ends with null (POSIX.1-2017, 8.1). The function that
    // changes the environment, `std::env::set_var`, is unsafe because its caller must ensure that no other thread
    // reads the environment. So the array and its strings do not change during this loop, and `visit` cannot keep the
    // slice for longer.
    unsafe {
        let mut next = environ;
        while let Some(&variable) = next.as_ref()
            && !variable.is_null()
        {
            let variable = CStr::from_ptr(variable).to_bytes();
            if let Some(length) = name_length(variable) {
                visit(variable, length);
            }
            next = next.add(1);
        }
    }
}

/// Other systems do not have `environ` in shared libraries.
#[cfg(not(target_os = "linux"))]
pub(crate) fn for_each_variable(mut visit: impl FnMut(&[u8], usize)) {
    use std::os::unix::ffi::OsStrExt;
    for (name, value) in std::env::vars_os() {
        let variable = [name.as_bytes(), b"=", value.as_bytes()].concat();
        visit(&variable, name.len());
    }
}

/// The length of the name in `NAME=value`. As for `std::env::vars_os`, a name may start with an equals sign, and a string
/// without a name is ignored.
#[cfg(target_os = "linux")]
fn name_length(variable: &[u8]) -> Option<usize> {
    let equals_sign = variable.get(1..)?.iter().position(|&b| b == b'=');
    Some(equals_sign? + 1)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn the_variables_are_those_of_the_standard_library_in_the_same_order() {
        let mut variables = Vec::new();
        for_each_variable(|variable, length| variables.push((variable.to_vec(), length)));
        let expected = std::env::vars_os().map(|(name, value)| {
            let variable = [name.as_bytes(), b"=", value.as_bytes()].concat();
            (variable, name.len())
        });
        assert_eq!(variables, expected.collect::<Vec<_>>());
        assert!(!variables.is_empty());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_name_ends_before_the_first_equals_sign_after_its_first_character() {
        for (variable, length) in [
            ("A=b=c", Some(1)),
            ("A=", Some(1)),
            ("=A=b", Some(2)),
            ("=A", None),
            ("A", None),
            ("", None),
        ] {
            assert_eq!(name_length(variable.as_bytes()), length, "{variable}");
        }
    }
}
