//! Commands as RESP request arrays, for the log, the replicas and other servers.

use crate::reply::push_length;

/// Appends a command to `out` as a request: an array of bulk strings.
///
/// What it writes, [`RequestParser`](crate::RequestParser) reads back as the same arguments.
///
/// ```
/// let mut log = Vec::new();
/// protocol::encode_command(&mut log, [&b"SET"[..], b"k", b"v"]);
/// assert_eq!(log, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n");
/// ```
pub fn encode_command<I>(out: &mut Vec<u8>, args: I)
where
    I: IntoIterator<Item: AsRef<[u8]>, IntoIter: ExactSizeIterator>,
{
    let args = args.into_iter();
    push_length(out, b'*', args.len());
    for arg in args {
        let arg = arg.as_ref();
        push_length(out, b'$', arg.len());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_arrays_and_owned_arguments_encode_alike() {
        let expected = b"*2\r\n$3\r\nDEL\r\n$12\r\na\r\nb\0\xff567890\r\n";
        let args: [&[u8]; 2] = [b"DEL", b"a\r\nb\0\xff567890"];
        let owned: Vec<Vec<u8>> = args.iter().map(|arg| arg.to_vec()).collect();

        let mut out = Vec::new();
        encode_command(&mut out, args);
        assert_eq!(out, expected);
        out.clear();
        encode_command(&mut out, &args[..]);
        assert_eq!(out, expected);
        out.clear();
        encode_command(&mut out, &owned);
        assert_eq!(out, expected);
    }

    #[test]
    fn no_arguments_and_empty_arguments_encode() {
        let mut out = Vec::new();
        encode_command(&mut out, [] as [&[u8]; 0]);
        encode_command(&mut out, [b""]);
        assert_eq!(out, b"*0\r\n*1\r\n$0\r\n\r\n");
    }
}
