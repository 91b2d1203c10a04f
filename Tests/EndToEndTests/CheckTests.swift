import FoundationEssentials
import Glibc
import TestSupport
import Testing

@Suite("sluice check", .onPatientThreads)
struct CheckTests {
    private struct Verdict: Decodable {
        struct Producer: Decodable {
            let name: String
            let scenarios: [Scenario]
        }
        struct Scenario: Decodable {
            let scenario, verdict: String
            let findings: [Finding]
        }
        struct Finding: Decodable {
            let kind, text: String
        }
        let verdict: String
        let producers: [Producer]

        var findings: [String] {
            producers.flatMap { producer in
                producer.scenarios.flatMap { scenario in
                    scenario.findings.map { "\(producer.name), \(scenario.scenario): \($0.kind): \($0.text)" }
                }
            }
        }
    }

    private func check(_ arguments: [String]) throws -> (status: Int32, verdict: Verdict) {
        let program = try ChildProgram.run([BuiltProducts.sluice, "check", "--json"] + arguments)
        let json = Data(program.output.utf8)
        return (
            program.status,
            try #require(try? JSONDecoder().decode(Verdict.self, from: json), "no verdict: \(program.output)")
        )
    }

    /// For each defect: its name, the scenario that finds it, and the kind of finding.
    private static let defects: [(defect: String, scenario: String, kind: String)] = [
        ("LEAKS_MEMORY", "leaks", "leak"), ("LEAKS_BUT_FOR_ONCE", "leaks", "leak"),
        ("LEAKS_BUT_FOR_TWICE", "leaks", "leak"),
        ("LEAKS_DESCRIPTORS", "leaks", "leak"), ("LEAKS_THREADS", "leaks", "leak"),
        ("CRASHES_IN_A_CROWD", "crowd", "crash"), ("CRASHES_BEFORE_NEXT", "moments", "crash"),
        ("FREES_TWICE", "events", "crash"), ("CRASHES_AT_THE_END", "shutdown", "crash"),
        ("CRASHES_IN_SHUTDOWN", "shutdown", "crash"), ("HANGS_IN_SHUTDOWN", "shutdown", "hang"),
        ("CRASHES_ON_RELOAD", "reload", "crash"), ("EXITS", "events", "crash"),
        ("CRASHES_ON_LONG_TEXT", "parameters", "crash"), ("CRASHES_ON_NULL", "events", "crash"),
        ("DIVIDES_BY_ZERO", "parameters", "crash"),
        ("CRASHES_ON_STRANGE_IDS", "resume", "crash"), ("REFUSES_ITS_IDS", "resume", "resume"),
        ("REPEATS_THE_LAST", "resume", "resume"), ("NEVER_ANSWERS", "events", "hang"),
        ("HANGS_IN_NEXT", "events", "never-ends"), ("BLOCKS_A_LITTLE", "events", "blocking"),
        ("BLOCKS_IN_OPEN", "moments", "blocking"), ("STALLS", "events", "blocking"),
        ("NEVER_RETURNS", "events", "blocking"), ("ENDS_ITS_THREAD", "events", "contract"),
        ("NEVER_CLOSES", "events", "never-ends"), ("CALLS_LATE", "late", "late"),
        ("REFUSES_ITS_BOUND", "parameters", "contract"), ("ANSWERS_NONSENSE", "events", "contract"),
        ("BREAKS_A_LINE", "events", "contract"),
        ("WRITES_NO_UTF8", "events", "contract"), ("ENDS_WITH_RUBBISH", "events", "contract"),
        ("REJECTS_EVERYTHING", "events", "not-opened"),
        ("REJECTS_EVERYTHING", "crowd", "not-opened"),
    ]

    @Test("finds each defect, with its kind", arguments: defects.indices)
    func defect(index: Int) throws {
        let (defect, scenario, kind) = Self.defects[index]
        let (status, verdict) = try check([
            fixturePlugin("Defects", defines: [defect]), "--scenario", scenario, "--seed", "1",
        ])
        #expect(status == 1 && verdict.verdict == "bad")
        #expect(verdict.findings.contains { $0.contains(", \(scenario): \(kind):") }, "\(defect): \(verdict.findings)")
    }

    @Test("finds nothing in the same producer without a defect")
    func sound() throws {
        let (status, verdict) = try check([fixturePlugin("Defects")])
        #expect(status == 0 && verdict.verdict == "good", "\(verdict.findings)")
        let scenarios = [
            "events", "moments", "crowd", "leaks", "parameters", "resume", "reload", "slow", "late", "shutdown",
        ]
        #expect(verdict.producers.map { $0.scenarios.map(\.scenario) } == [scenarios])
        #expect(verdict.producers[0].scenarios.allSatisfy { $0.verdict == "good" })
    }

    @Test("a single late call, which the machine may have caused, is not a finding")
    func lateOnce() throws {
        let directory = TemporaryDirectory()
        let mark = "\(directory.path)/stalled"
        let (status, verdict) = try check([
            fixturePlugin("Defects", defines: ["STALLS_ONCE=\"\(mark)\""]), "--scenario", "events",
        ])
        #expect(access(mark, F_OK) == 0, "it was late")
        #expect(status == 0, "\(verdict.findings)")
    }

    @Test("if a scenario is repeated because of a late call, findings of the second run count")
    func secondRun() throws {
        let directory = TemporaryDirectory()
        let defines = ["STALLS_ONCE=\"\(directory.path)/stalled\"", "CRASHES_LATER"]
        let (status, verdict) = try check([fixturePlugin("Defects", defines: defines), "--scenario", "events"])
        #expect(status == 1 && verdict.findings.count == 1)
        #expect(verdict.findings.contains { $0.contains(", events: crash:") }, "\(verdict.findings)")
    }

    @Test(
        "finds nothing in the producers that ship",
        arguments: ["chat", "clock", "counter", "hello", "hello-swift", "system", "tokens"])
    func shipped(name: String) throws {
        let values = name == "chat" ? ["room=kitchen", "--producer", "chat"] : []
        let (status, verdict) = try check([BuiltProducts.plugin(name)] + values)
        #expect(status == 0, "\(verdict.findings)")
    }

    @Test(
        "finds nothing in those that need a configuration",
        arguments: [
            ("tail", ["path=app.log"]), ("exec", ["name=echo"]), ("walk", []), ("sqlite", []), ("rows", []),
        ].filter { BuiltProducts.hasPlugin($0.0) })
    func configured(name: String, values: [String]) throws {
        let directory = TemporaryDirectory()
        _ = directory.write("one\ntwo\n".utf8, to: "app.log")
        let database = "\(directory.path)/notes.db"
        let script = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('CREATE TABLE notes (text TEXT)')"
        #expect(try ChildProgram.run(["python3", "-c", script, database]).status == 0)
        let configuration = directory.write(
            """
            producers:
              tail: {root: "\(directory.path)"}
              walk: {root: "\(directory.path)"}
              exec: {command.echo: "/bin/echo hello"}
              sqlite: {database: "\(database)"}
              sqlite-run: {database: "\(database)", statement: "UPDATE notes SET text = ?1"}
              rows: {database: "\(database)", table: notes}

            """.utf8, to: "sluice.yaml")
        let (status, verdict) = try check([BuiltProducts.plugin(name), "--config", configuration] + values)
        #expect(status == 0, "\(verdict.findings)")
    }

    @Test("a mistake is reported in one line")
    func mistakes() throws {
        func says(_ arguments: [String], _ status: Int32, _ text: String) throws {
            let program = try ChildProgram.run([BuiltProducts.sluice, "check"] + arguments)
            #expect(program.status == status && program.output.contains(text), "\(arguments): \(program.output)")
        }
        let plugin = BuiltProducts.plugin("hello")
        try says(["/nowhere.so"], 1, "/nowhere.so")
        try says([plugin, "--scenario", "luck"], 2, "--scenario: expected one of events, moments")
        try says([plugin, "--producer", "hullo"], 2, "no producer 'hullo'; it has: hello")
        try says([plugin, "colour=red"], 2, "colour=red: no producer of")
        try says([plugin, "interval"], 2, "name=value")
    }
}
