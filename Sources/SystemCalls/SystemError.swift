import Glibc

/// The text of an `errno`.
package func systemError(_ code: Int32 = errno) -> String { String(cString: strerror(code)) }
