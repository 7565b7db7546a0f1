//! Memory and errors across the C boundary.

use std::borrow::Cow;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Owned bytes; empty ones have a null pointer.
#[repr(C)]
pub struct Bytes {
    data: *mut u8,
    size: usize,
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.is_empty() {
            return Bytes {
                data: std::ptr::null_mut(),
                size: 0,
            };
        }
        let boxed = bytes.into_boxed_slice();
        let size = boxed.len();
        Bytes {
            data: Box::into_raw(boxed) as *mut u8,
            size,
        }
    }
}

impl Bytes {
    /// # Safety
    /// Called once for bytes made by `from`.
    pub unsafe fn free(self) {
        if !self.data.is_null() {
            drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(self.data, self.size)));
        }
    }
}

/// The result, or with `ok` false a sentence that says what was wrong.
#[repr(C)]
pub struct Outcome {
    ok: bool,
    bytes: Bytes,
}

/// # Safety
/// `data` points to `size` bytes, or `size` is 0.
pub unsafe fn bytes_of<'a>(data: *const u8, size: usize) -> &'a [u8] {
    if size == 0 {
        &[]
    } else {
        std::slice::from_raw_parts(data, size)
    }
}

/// # Safety
/// As for `bytes_of`.
pub unsafe fn text_of<'a>(data: *const u8, size: usize) -> Cow<'a, str> {
    String::from_utf8_lossy(bytes_of(data, size))
}

fn caught<T>(body: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()));
        Err(format!("internal error: {}", message.unwrap_or_default()))
    })
}

pub fn guarded(body: impl FnOnce() -> Result<Vec<u8>, String>) -> Outcome {
    match caught(body) {
        Ok(bytes) => Outcome {
            ok: true,
            bytes: bytes.into(),
        },
        Err(message) => Outcome {
            ok: false,
            bytes: message.into_bytes().into(),
        },
    }
}

/// Null, with `error` set, when the body fails.
///
/// # Safety
/// `error` is writable.
pub unsafe fn guarded_handle<T>(error: *mut Bytes, body: impl FnOnce() -> Result<T, String>) -> *mut T {
    match caught(body) {
        Ok(value) => Box::into_raw(Box::new(value)),
        Err(message) => {
            error.write(message.into_bytes().into());
            std::ptr::null_mut()
        }
    }
}
