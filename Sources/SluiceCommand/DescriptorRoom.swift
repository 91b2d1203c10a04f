import CommandOutput
import Glibc
import SystemCalls

/// Checks that there are enough descriptors for a minimal server. Without them, some code, also in NIO, would crash the
/// process. So it is checked in advance, and reported in one line.
enum DescriptorRoom {
    /// Each loop needs two, and each thread of the front door three. The rest is for signals, the control socket, the
    /// listening address, one connection, one probe, and the process state that is kept, plus some spare ones.
    private static func needed(loops: Int, doorThreads: Int) -> Int { 20 + loops * 2 + doorThreads * 3 }

    /// Call this before anything else is opened.
    /// - Throws: if there are not enough descriptors.
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
