import CLinux
import Glibc
package import SystemCalls

/// epoll(7), an eventfd(2) for wake-ups, and plain send(2).
package final class EpollSystem: LoopSystem {
    private let epoll: Int32
    private let wakeUpDescriptor: Int32
    private let found: UnsafeMutablePointer<epoll_event>
    private let foundCapacity = 512
    private let scratch: UnsafeMutableRawBufferPointer
    /// The connection on which a call last failed with ETIMEDOUT: a socket reports its error once, to the first call.
    private var timedOut: Int32 = -1
    /// The tag of the wake-up descriptor; no stream has it, because a token's epoch is never 0.
    private static let wakeUpTag: UInt64 = 0

    package override init() {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        precondition(epoll >= 0, "epoll_create1 failed: \(systemError())")
        wakeUpDescriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        precondition(wakeUpDescriptor >= 0, "eventfd failed: \(systemError())")
        found = .allocate(capacity: foundCapacity)
        scratch = .allocate(byteCount: 4096, alignment: 16)
        super.init()
        var event = epoll_event()
        event.events = EPOLLIN.rawValue | EPOLLET.rawValue
        event.data.u64 = Self.wakeUpTag
        let added = epoll_ctl(epoll, EPOLL_CTL_ADD, wakeUpDescriptor, &event)
        precondition(added == 0, "epoll_ctl failed: \(systemError())")
    }

    deinit {
        _ = Glibc.close(wakeUpDescriptor)
        _ = Glibc.close(epoll)
        found.deallocate()
        scratch.deallocate()
    }

    package override func now() -> MonotonicNanoseconds { monotonicNanoseconds() }

    package override func runDelay() -> Nanoseconds { threadRunDelay() }

    package override func processorTime() -> Nanoseconds {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    package override func runElsewhere(
        _ call: @escaping @Sendable () -> Void, of owner: AnyObject, died: @escaping @Sendable () -> Void
    ) { SpareThreads.shared.run(call, of: owner, died: died) }

    package override func wait(timeout: Nanoseconds, into events: UnsafeMutableBufferPointer<ReadyEvent>) -> Int {
        // Rounded up: a turn that begins a little late finds its timers due; one that begins early would spin.
        let milliseconds =
            timeout < 0 ? -1 : Int32(clamping: timeout / 1_000_000 + (timeout % 1_000_000 > 0 ? 1 : 0))
        let count = epoll_wait(epoll, found, Int32(min(foundCapacity, events.count)), milliseconds)
        guard count > 0 else { return 0 }
        var written = 0
        for index in 0..<Int(count) {
            let event = found[index]
            // Edge-triggered, so its counter is never read: each write is an edge of its own.
            if event.data.u64 == Self.wakeUpTag { continue }
            var readiness: Readiness = []
            if event.events & (EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 { readiness.insert(.hangUp) }
            if event.events & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue) != 0 { readiness.insert(.readable) }
            if event.events & EPOLLOUT.rawValue != 0 { readiness.insert(.writable) }
            events[written] = ReadyEvent(tag: event.data.u64, readiness: readiness)
            written += 1
        }
        return written
    }

    package override func wakeUp() {
        var one: UInt64 = 1
        // Fails only when the counter is full, and then a wake-up is pending anyway.
        _ = write(wakeUpDescriptor, &one, 8)
    }

    package override func add(_ descriptor: Int32, tag: UInt64) -> Int32 { watch(descriptor, EPOLL_CTL_ADD, tag) }

    /// A modification rearms the edges (epoll_ctl(2)): what became ready under the old tag is reported again.
    package override func rename(_ descriptor: Int32, tag: UInt64) -> Int32 { watch(descriptor, EPOLL_CTL_MOD, tag) }

    private func watch(_ descriptor: Int32, _ operation: Int32, _ tag: UInt64) -> Int32 {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
        event.data.u64 = tag
        return epoll_ctl(epoll, operation, descriptor, &event) == 0 ? 0 : errno
    }

    package override func send(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> SendOutcome {
        while true {
            let count = Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            if count >= 0 { return .sent(count) }
            switch errno {
            case EAGAIN: return .full
            case EINTR: continue
            // Also if there is no memory for socket buffers: no edge would report that there is some again.
            default:
                noteTimeOut(descriptor, errno)
                return .gone
            }
        }
    }

    package override func dropInput(_ descriptor: Int32, limit: Int) -> InputOutcome {
        var dropped = 0
        while dropped < limit {
            let count = recv(descriptor, scratch.baseAddress, scratch.count, Int32(MSG_DONTWAIT))
            if count > 0 {
                dropped += count
            } else if count == 0 {
                return .finished
            } else if errno == EAGAIN {
                return .dropped(dropped)
            } else if errno != EINTR {
                noteTimeOut(descriptor, errno)
                return .broken
            }
        }
        return .dropped(dropped)
    }

    package override func setWriteDeadline(_ descriptor: Int32, milliseconds: Int64) {
        var value = UInt32(clamping: milliseconds)
        _ = setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &value, socklen_t(MemoryLayout<UInt32>.size))
    }

    package override func peerName(of descriptor: Int32) -> String? {
        var address = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        var port = [CChar](repeating: 0, count: Int(NI_MAXSERV))
        let code = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard getpeername(descriptor, address, &size) == 0 else { return -1 as Int32 }
                return getnameinfo(
                    address, size, &host, socklen_t(host.count), &port, socklen_t(port.count),
                    NI_NUMERICHOST | NI_NUMERICSERV)
            }
        }
        guard code == 0, address.ss_family != AF_UNIX else { return nil }
        let (name, number) = (Self.text(host), Self.text(port))
        return address.ss_family == AF_INET6 ? "[\(name)]:\(number)" : "\(name):\(number)"
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    package override func silenceMilliseconds(of descriptor: Int32) -> Int64? {
        information(on: descriptor).map { Int64($0.tcpi_last_ack_recv) }
    }

    package override func sendingPauseMilliseconds(of descriptor: Int32) -> Int64? {
        information(on: descriptor).map { Int64($0.tcpi_last_data_sent) }
    }

    private func information(on descriptor: Int32) -> tcp_info? {
        var information = tcp_info()
        var size = socklen_t(MemoryLayout<tcp_info>.size)
        guard getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_INFO, &information, &size) == 0 else { return nil }
        return information
    }

    package override func hasTimedOut(_ descriptor: Int32) -> Bool {
        if timedOut == descriptor { return true }
        var error: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == ETIMEDOUT
    }

    private func noteTimeOut(_ descriptor: Int32, _ error: Int32) {
        if error == ETIMEDOUT { timedOut = descriptor }
    }

    package override func shutdownWriting(_ descriptor: Int32) {
        _ = shutdown(descriptor, Int32(SHUT_WR))
    }

    package override func close(_ descriptor: Int32) {
        if timedOut == descriptor { timedOut = -1 }
        _ = Glibc.close(descriptor)
    }
}
