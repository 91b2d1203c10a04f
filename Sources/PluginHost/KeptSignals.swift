import Glibc

/// The dispositions of the signals that the host relies on. Each thread has its own set of blocked signals; the thread
/// that takes signals, which Swift's runtime makes of the main thread, runs no code of plugins.
struct KeptSignals: KeptPart {
    private struct Disposition: Equatable {
        /// The function, or SIG_DFL or SIG_IGN, which are not addresses.
        let handler: Int
        let flags: Int32

        init(_ action: sigaction) {
            handler = withUnsafeBytes(of: action.__sigaction_handler) { $0.load(as: Int.self) }
            // The C library sets a flag of its own (SA_RESTORER).
            flags = action.sa_flags & (SA_SIGINFO | SA_RESTART | SA_NODEFER | Int32(bitPattern: UInt32(SA_RESETHAND)))
        }
    }

    private struct Kept: @unchecked Sendable {
        // Unchecked: a value of numbers and an address of code.
        let number: Int32
        let name: String
        let action: sigaction
    }

    private static let ignored = 1
    private static let isDefault = 0
    /// Signals that the host handles or ignores.
    private static let own: [(number: Int32, name: String)] = [
        (SIGTERM, "SIGTERM"), (SIGINT, "SIGINT"), (SIGHUP, "SIGHUP"), (SIGUSR1, "SIGUSR1"), (SIGPIPE, "SIGPIPE"),
    ]

    /// Signals of faulty code, which the last line of the log reports. They may get another handler: a runtime that a
    /// plugin brings along handles what its own code does.
    private static let fatal: [(number: Int32, name: String)] = [
        (SIGSEGV, "SIGSEGV"), (SIGBUS, "SIGBUS"), (SIGFPE, "SIGFPE"), (SIGILL, "SIGILL"), (SIGABRT, "SIGABRT"),
        (SIGTRAP, "SIGTRAP"), (SIGSYS, "SIGSYS"),
    ]

    private let kept: [Kept]

    init() {
        kept = (Self.own + [(SIGCHLD, "SIGCHLD")] + Self.fatal).map {
            Kept(number: $0.number, name: $0.name, action: Self.action(of: $0.number))
        }
    }

    mutating func putBack(isLoading: Bool) -> [String] {
        var changed: [String] = []
        for kept in kept {
            let now = Self.action(of: kept.number)
            guard Self.isUnbearable(now, kept) else { continue }
            var action = kept.action
            sigaction(kept.number, &action, nil)
            changed.append(kept.name)
        }
        return changed.isEmpty ? [] : ["the disposition of \(changed.joined(separator: " "))"]
    }

    private static func isUnbearable(_ now: sigaction, _ kept: Kept) -> Bool {
        switch kept.number {
        case SIGCHLD: losesChildren(now)
        case _ where fatal.contains { $0.number == kept.number }: hasHandler(kept.action) && !hasHandler(now)
        default: Disposition(now) != Disposition(kept.action)
        }
    }

    private static func hasHandler(_ action: sigaction) -> Bool {
        ![isDefault, ignored].contains(Disposition(action).handler)
    }

    private static func action(of number: Int32) -> sigaction {
        var action = sigaction()
        sigaction(number, nil, &action)
        return action
    }

    /// A library may handle ended children. But without exit statuses, the host does not learn how its own children
    /// ended.
    private static func losesChildren(_ action: sigaction) -> Bool {
        Disposition(action).handler == ignored || action.sa_flags & SA_NOCLDWAIT != 0
    }
}
