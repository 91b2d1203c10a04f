import CLinux
package import CommandOutput
import Glibc
import SystemCalls

/// All bytes of a file, or of standard input for "-".
/// - Throws: why it can't be read.
package func contents(of path: String) throws(CommandFailure) -> [UInt8] {
    let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CommandFailure("\(path) can't be read: \(systemError())") }
    defer { if path != "-" { close(descriptor) } }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
        let count = read(descriptor, &chunk, chunk.count)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw CommandFailure("\(path) can't be read: \(systemError())") }
        if count == 0 { return bytes }
        bytes += chunk[..<count]
    }
}

/// Writes a new file.
/// - Throws: why it can't be written, for example because the file already exists.
package func writeNewFile(_ text: String, to path: String) throws(CommandFailure) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw CommandFailure("\(path) can't be written: \(systemError())") }
    writeFully(text, to: descriptor)
    var status = stat()
    let isComplete = fstat(descriptor, &status) == 0 && Int(status.st_size) == text.utf8.count
    guard close(descriptor) == 0, isComplete else { throw CommandFailure("\(path) can't be written: \(systemError())") }
}
