import CommandOutput
import Files
import Glibc
import Locks
import Processes
import StreamLoop
import SystemCalls

/// One scenario of one producer, in its own process. Whatever happens there is a finding and affects nothing else.
struct ScenarioRun {
    let file: String
    let producer: String
    let scenario: Scenario
    let seed: UInt64
    /// Further arguments for the scenario's process: values and options.
    let words: [String]

    struct Outcome {
        var findings: [Finding] = []
        var figures: [(name: String, value: String)] = []
        var skipped: String?
        var durationMilliseconds: Int64 = 0
    }

    /// How long the process may run after its own deadline, if a plugin keeps it from exiting.
    private static let graceSeconds: UInt32 = 5

    /// A `blocking` finding is based on times, so a machine that is busy for a moment can cause one. The scenario is
    /// then run again, and the finding counts if it is there both times. The same applies to `neverEnds` and `hang`,
    /// which can follow from it: the streams then need threads, of which there are few. Findings of other kinds in the
    /// second run count, too.
    func run() throws(CommandFailure) -> Outcome {
        var outcome = try runOnce()
        guard outcome.findings.contains(where: { $0.kind == .blocking }) else { return outcome }
        let second = try runOnce()
        let known = outcome.findings.map(\.kind)
        outcome.findings.removeAll { found in
            [.blocking, .neverEnds, .hang].contains(found.kind) && !second.findings.contains { $0.kind == found.kind }
        }
        outcome.findings += second.findings.filter { !known.contains($0.kind) }
        outcome.durationMilliseconds += second.durationMilliseconds
        return outcome
    }

    private func runOnce() throws(CommandFailure) -> Outcome {
        let scratch = try ScratchFolder()
        let report = "\(scratch.path)/report"
        let start = monotonicNanoseconds()
        let program = SpawnedProgram(
            ["/proc/self/exe", "scenario", file, producer, scenario.rawValue] + words
                + ["--report", report, "--seed", "\(seed)"],
            output: .kept)
        let isOver = Semaphore()
        _ = startThread(named: "sluice-watch", stackBytes: 512 * 1024) {
            if !isOver.wait(seconds: Scenario.deadlineSeconds + Int(Self.graceSeconds)) { program.end() }
        }
        let ending = try program.run()
        isOver.post()
        var outcome = Outcome()
        outcome.durationMilliseconds = (monotonicNanoseconds() - start) / 1_000_000
        var isDone = false
        for line in String(decoding: (try? contents(of: report)) ?? [], as: UTF8.self).split(separator: "\n") {
            switch ScenarioLine(line) {
            case .finding(let finding)?: outcome.findings.append(finding)
            case .figure(let name, let value)?: outcome.figures.append((name, value))
            case .skipped(let why)?: outcome.skipped = why
            case .done?: isDone = true
            case nil: break
            }
        }
        if !isDone, !outcome.findings.contains(where: { $0.kind == .hang }) || ending.status > 128 {
            outcome.findings.append(finding(of: ending))
        }
        return outcome
    }

    private func finding(of ending: SpawnedProgram.Ending) -> Finding {
        let words = ending.output.split(whereSeparator: \.isNewline).filter { !$0.isEmpty }
        let said = words.first.map { ", after writing \"\($0.prefix(200))\"" } ?? ""
        if ending.status > 128 {
            let number = ending.status - 128
            if number == SIGKILL { return Finding(kind: .hang, text: "the process had to be killed") }
            let name = [SIGSEGV: "SIGSEGV", SIGABRT: "SIGABRT", SIGBUS: "SIGBUS", SIGILL: "SIGILL", SIGFPE: "SIGFPE"]
            return Finding(
                kind: .crash,
                text:
                    "the process crashed (\(name[number] ?? "signal \(number)"))\(said); in a debugger: "
                    + "gdb --args sluice scenario \(file) \(producer) \(scenario.rawValue) --seed \(seed)"
            )
        }
        // A command that fails prints its name first. In all other cases, the plugin ended the process.
        let what =
            words.first?.hasPrefix("sluice: ") == true
            ? "the scenario failed" : "a call of the plugin ended the process"
        return Finding(kind: .crash, text: "\(what) (exit status \(ending.status))\(said)")
    }
}
