import CLinux
import Glibc
import Locks
import PluginHost
import ProducerInterface
import StreamLoop
import StreamRuntime
import Synchronization
import SystemCalls

/// Scenarios for the life of streams.
struct StreamScenarios {
    let bench: CheckBench

    private var report: ScenarioReport { bench.report }
    func events() {
        guard let visitor = bench.openUsual() else { return }
        let (events, isOver) = visitor.events(50, within: 3000)
        report.measured("events read, within 3 s and up to 50", "\(events.count)\(isOver ? ", then the end" : "")")
        visitor.hangUp()
        bench.settle()
        bench.judgeTimes()
    }

    /// Subscribers that connect and disconnect at any moment, on several threads; the same for the same seed.
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
        // Says why, if none can be opened.
        guard !all.isEmpty else { return bench.openUsual()?.hangUp() ?? () }
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

    /// Counts what streams that have ended leave behind, after each of several rounds. The first two rounds fill caches
    /// and do not count. The result is the second least growth of the others: a leak grows in every round, but a cache
    /// or a log only in some, and a single round can look clean because memory from an earlier one was freed in it. A
    /// round in which a thread of the host or the plugin ends does not count, because its memory is freed with it. The
    /// scenario ends after the second round without growth.
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
            // A thread can end a moment later than its stream.
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
        report.measured("memory that a stream leaves behind", "\(max(0, least.bytesPerStream)) bytes")
        guard !least.isNothing else { return }
        if least.leaksBytes {
            report.found(.leak, "each stream leaves \(least.bytesPerStream) bytes of memory behind")
        }
        if least.descriptors > 0 {
            report.found(.leak, "\(count) streams leave \(least.descriptors) descriptors behind")
        }
        if least.threads > 0 { report.found(.leak, "\(count) streams leave \(least.threads) threads behind") }
    }

    /// One subscriber that does not read, one that reads slowly, and one that reads fast.
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
        // Calls from now on are late, and the report records them.
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
        // On another thread, because the plugin's shutdown might not return.
        _ = startThread(named: "sluice-shutdown", stackBytes: 512 * 1024) { [bench] in bench.generation.retire() }
        if !bench.hasShutDown.wait(seconds: CheckBench.patienceSeconds) {
            report.found(.hang, "the plugin's shutdown did not return within \(CheckBench.patienceSeconds) s")
        }
    }
}

/// The resources of the process at one moment.
private struct Footprint {
    /// Allocated memory, without the functions that the host has created for streams: it keeps them for a while and
    /// reuses them.
    let bytes: Int
    let descriptors: Int
    let threads: Int

    init() {
        let heap = mallinfo2()
        bytes = Int(heap.uordblks) + Int(heap.hblkhd) - FunctionFigures.current.bytes
        descriptors = Self.entries(of: "/proc/self/fd")
        threads = Self.entries(of: "/proc/self/task")
    }

    /// The growth since an earlier footprint, for a number of streams.
    func growth(since earlier: Footprint, streams: Int) -> Growth {
        Growth(
            bytesPerStream: (bytes - earlier.bytes) / streams, descriptors: descriptors - earlier.descriptors,
            threads: threads - earlier.threads)
    }

    struct Growth {
        let bytesPerStream: Int
        let descriptors: Int
        let threads: Int

        /// malloc(3) uses at least 24 bytes for each allocation, including its own data. So every leak is at least that
        /// large.
        var leaksBytes: Bool { bytesPerStream >= 24 }
        var isNothing: Bool { !leaksBytes && descriptors <= 0 && threads <= 0 }

        /// The second least of each figure; there must be at least two growths.
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
