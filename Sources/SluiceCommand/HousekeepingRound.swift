import Control
import PluginHost
import StreamRuntime
import SystemCalls

/// The tasks that a server performs once a second in every phase, and the notices to a watchdog, which can be more
/// frequent.
struct HousekeepingRound {
    private let runtime: Runtime
    private let reloader: Reloader
    private let desk: ReloadDesk
    private let notice: ServiceNotice
    private let readiness: ServerReadiness
    private var nextRound: MonotonicNanoseconds
    private var nextNotice: MonotonicNanoseconds
    /// The loops have started, so they can be asked whether they turn.
    private var hasLoops = false

    private static let interval: Nanoseconds = 1_000_000_000

    init(
        _ runtime: Runtime, _ reloader: Reloader, _ desk: ReloadDesk, _ notice: ServiceNotice,
        _ readiness: ServerReadiness
    ) {
        self.runtime = runtime
        self.reloader = reloader
        self.desk = desk
        self.notice = notice
        self.readiness = readiness
        nextRound = monotonicNanoseconds() + Self.interval
        nextNotice = notice.watchdogInterval == nil ? .max : 0
    }

    var due: MonotonicNanoseconds { hasLoops ? min(nextRound, nextNotice) : nextRound }

    /// The server listens.
    mutating func begin() {
        hasLoops = true
        nextRound = 0
        makeIfDue()
    }

    mutating func makeIfDue() {
        let now = monotonicNanoseconds()
        if now >= nextRound {
            nextRound = now + Self.interval
            ProcessState.check()
            HostLog.tellLeftOut()
            runtime.forgetIdleClients(at: now)
            if hasLoops {
                runtime.askLoops(at: now)
                notice.works(work)
            }
        }
        guard hasLoops, now >= nextNotice, let interval = notice.watchdogInterval else { return }
        nextNotice = now + interval
        // Not from a timer of its own: if this thread hangs, or a loop, the manager is to notice.
        if readiness.loopsTurn { notice.alive() }
    }

    /// "12 streams, 3 plugins, 7 reloads".
    private var work: String {
        func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
        return [
            count(runtime.figures().streams.open, "stream"), count(reloader.servedImages.count, "plugin"),
            count(desk.record.count, "reload"),
        ].joined(separator: ", ")
    }
}
