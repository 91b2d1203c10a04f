import CommandOutput
import Glibc
import SystemCalls

/// Whether there are as many descriptors as nothing goes without. Who opens some of them, in NIO as well, can only end
/// the process where there is none; so it is found out before, and said in one line.
enum DescriptorRoom {
    /// Each loop has two, and each thread of the front door three. The rest is for signals, the control socket, the
    /// address that is listened on, one connection, a plugin that is probed, and what is kept of the process's state,
    /// with some to spare.
    private static func needed(loops: Int, doorThreads: Int) -> Int { 20 + loops * 2 + doorThreads * 3 }

    /// Before anything else is opened.
    /// - Throws: if there are fewer.
    static func check(loops: Int, doorThreads: Int) throws(CommandFailure) {
        let needed = needed(loops: loops, doorThreads: doorThreads)
        var taken: [Int32] = []
        defer { for descriptor in taken { close(descriptor) } }
        while taken.count < needed {
            let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                throw CommandFailure(
                    "only \(taken.count) descriptors are available (\(systemError())), but at least \(needed) are needed: raise the "
                        + "limit of descriptors (ulimit -n)")
            }
            taken.append(descriptor)
        }
    }
}
