import CLinux
import Glibc
import Locks
import PluginHost
import ProducerInterface
import StreamLoop
import StreamRuntime
import Synchronization
import SystemCalls

/// Scenarios of what happens to streams.
struct StreamScenarios {
    let bench: CheckBench

    private var report: ScenarioReport { bench.report }
    func events() {
        guard let visitor = bench.openUsual() else { return }
        let (events, isOver) = visitor.events(50, within: 3000)
        report.measured("events in 3 s, at most 50", "\(events.count)\(isOver ? ", and the end" : "")")
        visitor.hangUp()
        bench.settle()
        bench.judgeTimes()
    }

    /// Subscribers that come and go at every moment, on several threads; with a seed, again the same.
    func moments() {
        guard let first = bench.openUsual() else { return }
        first.hangUp()
        let seeds = (0..<4).map { _ in bench.random.next() }
        let rounds = bench.crowd(150) / 4
        concurrently(seeds, threads: seeds.count) { [self] seed in
            var random = SeededNumbers(seed: seed)
            for _ in 0..<rounds { comeAndGo(&random) }
        }
        bench.settle()
        bench.judgeTimes()
    }

    private func comeAndGo(_ random: inout SeededNumbers) {
        guard let request = try? bench.request(), let visitor = try? bench.visitor(request) else { return }
        let moment = Int.random(in: 0..<6, using: &random)
        if moment == 0 {
            bench.pause(milliseconds: Int.random(in: 0..<3, using: &random))
            return visitor.leave()
        }
        guard case .stream? = visitor.answer(within: CheckBench.patienceSeconds) else { return visitor.leave() }
        if moment == 1 { return visitor.leave() }
        guard visitor.attach(bufferBytes: moment == 2 ? 2048 : nil) else { return }
        switch moment {
        case 3: _ = visitor.read(within: 1000)
        case 4: _ = visitor.events(Int.random(in: 1...3, using: &random), within: 40)
        case 5:
            visitor.halfClose()
            bench.pause(milliseconds: Int.random(in: 0..<5, using: &random))
        default: bench.pause(milliseconds: Int.random(in: 0..<20, using: &random))
        }
        visitor.hangUp()
    }

    func crowd() {
        let count = bench.crowd(1000)
        guard let request = try? bench.request() else { return _ = bench.openUsual() }
        let visitors = Mutex<[CheckVisitor]>([])
        concurrently(Array(0..<4), threads: 4) { [self] _ in
            for _ in 0..<count / 4 {
                guard case .stream(let visitor) = bench.open(request) else { return }
                visitors.withLock { $0.append(visitor) }
            }
        }
        let all = visitors.withLock(\.self)
        var silent = 0
        for visitor in all {
            if case .late = visitor.read(within: 5000) { silent += 1 }
        }
        report.measured("streams at a time", "\(all.count)")
        if silent > 0 { report.found(.hang, "\(silent) of \(all.count) streams did not begin within 5 s") }
        for visitor in all { visitor.hangUp() }
        bench.settle()
        bench.judgeTimes()
    }

    /// What is left behind by streams that are over, counted after each of several rounds. The first ones fill what is
    /// kept. Of the others that one says what a stream leaves which leaves least but for one: what leaks does so in
    /// each, what only grows now and then, as a cache or a log, does not; and one may look good because something was
    /// still to be freed as it began. One in which a thread ends, the host's or the plugin's, does not count, as what
    /// it had is freed with it. The second round that leaves nothing is the last.
    func leaks() {
        let count = bench.crowd(200) / 20 * 20
        var before = Footprint()
        var growths: [Footprint.Growth] = []
        var steady: [Footprint.Growth] = []
        for round in 0..<12 {
            var opened = 0
            for _ in 0..<count / 20 {
                let visitors = (0..<20).compactMap { _ -> CheckVisitor? in bench.openUsual() }
                guard !visitors.isEmpty else { return }
                opened += visitors.count
                bench.pause(milliseconds: 4)
                for visitor in visitors { _ = visitor.read(within: 1) }
                for visitor in visitors { visitor.hangUp() }
            }
            bench.settle()
            // A thread may take a moment to be gone, once its stream is.
            bench.pause(milliseconds: 100)
            let after = Footprint()
            if round >= 2 {
                let growth = after.growth(since: before, streams: opened)
                growths.append(growth)
                if growth.threads >= 0 { steady.append(growth) }
            }
            if steady.count > 1, Footprint.Growth.secondLeast(of: steady).isNothing { break }
            before = after
        }
        let least = Footprint.Growth.secondLeast(of: steady.count > 1 ? steady : growths)
        report.measured("memory left by a stream", "\(max(0, least.bytesPerStream)) bytes")
        guard !least.isNothing else { return }
        if least.leaksBytes {
            report.found(.leak, "each stream leaves \(least.bytesPerStream) bytes of memory behind")
        }
        if least.descriptors > 0 {
            report.found(.leak, "\(count) streams leave \(least.descriptors) descriptors behind")
        }
        if least.threads > 0 { report.found(.leak, "\(count) streams leave \(least.threads) threads behind") }
    }

    /// One that does not read at all, one that hardly does, and one beside them that does.
    func slow() {
        guard let request = try? bench.request(), let quick = bench.openUsual() else { return _ = bench.openUsual() }
        guard case .stream(let never) = bench.open(request, bufferBytes: 2048),
            case .stream(let hardly) = bench.open(request, bufferBytes: 2048)
        else { return }
        let deadline = monotonicNanoseconds() + 3_000_000_000
        while monotonicNanoseconds() < deadline {
            _ = hardly.read(within: 10, atMost: 256)
            _ = quick.read(within: 10)
            bench.pause(milliseconds: 10)
        }
        for visitor in [never, hardly, quick] { visitor.hangUp() }
        bench.settle()
    }

    func late() {
        for _ in 0..<bench.crowd(60) / 20 {
            let visitors = (0..<20).compactMap { _ -> CheckVisitor? in bench.openUsual() }
            guard visitors.count == 20 else { return }
            for visitor in visitors { _ = visitor.events(1, within: 10) }
            for visitor in visitors { visitor.hangUp() }
        }
        bench.settle()
        // Whoever calls now calls too late, and is heard by the report.
        bench.pause(milliseconds: 1500)
    }

    func endOfServer() {
        let visitors = (0..<bench.crowd(40)).compactMap { _ -> CheckVisitor? in bench.openUsual() }
        guard !visitors.isEmpty else { return }
        for visitor in visitors.prefix(10) { _ = visitor.events(1, within: 20) }
        bench.runtime.end(nil, .shutdown)
        for visitor in visitors { while case .blocks = visitor.read(within: 2000) {} }
        for visitor in visitors { visitor.hangUp() }
        bench.settle()
        // On another thread, as the plugin's shutdown may be one that never returns.
        _ = startThread(named: "sluice-shutdown", stackBytes: 512 * 1024) { [bench] in bench.generation.retire() }
        if !bench.hasShutDown.wait(seconds: CheckBench.patienceSeconds) {
            report.found(.hang, "the plugin's shutdown did not return within \(CheckBench.patienceSeconds) s")
        }
    }
}

/// What a process holds at one moment.
private struct Footprint {
    /// In use by all who allocate, but for the functions that the host has made for streams: it keeps them for a while,
    /// and reuses them.
    let bytes: Int
    let descriptors: Int
    let threads: Int

    init() {
        let heap = mallinfo2()
        bytes = Int(heap.uordblks) + Int(heap.hblkhd) - FunctionFigures.current.bytes
        descriptors = Self.entries(of: "/proc/self/fd")
        threads = Self.entries(of: "/proc/self/task")
    }

    /// What has been added since an earlier footprint, by so many streams.
    func growth(since earlier: Footprint, streams: Int) -> Growth {
        Growth(
            bytesPerStream: (bytes - earlier.bytes) / streams, descriptors: descriptors - earlier.descriptors,
            threads: threads - earlier.threads)
    }

    struct Growth {
        let bytesPerStream: Int
        let descriptors: Int
        let threads: Int

        /// malloc(3) gives out no less than 24 bytes, with what it keeps beside them: whatever is allocated and
        /// forgotten takes as much.
        var leaksBytes: Bool { bytesPerStream >= 24 }
        var isNothing: Bool { !leaksBytes && descriptors <= 0 && threads <= 0 }

        /// Of each figure, of two growths at least.
        static func secondLeast(of growths: [Growth]) -> Growth {
            func second(_ figure: KeyPath<Growth, Int>) -> Int {
                growths.map { $0[keyPath: figure] }.sorted()[1]
            }
            return Growth(
                bytesPerStream: second(\.bytesPerStream), descriptors: second(\.descriptors), threads: second(\.threads)
            )
        }
    }

    private static func entries(of directory: String) -> Int {
        guard let listing = opendir(directory) else { return 0 }
        defer { closedir(listing) }
        var count = 0
        while readdir(listing) != nil { count += 1 }
        return count
    }
}
