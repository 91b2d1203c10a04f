import ArgumentParser
import Checking

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Stress-test a plugin, as a server would use it.",
        discussion: """
            Stress-tests each producer: every way a stream can end, many concurrent streams, subscribers that \
            disconnect at any moment, read slowly or reconnect with an ID, parameters at and beyond their bounds, \
            reloads, and the shutdown of the server. Each scenario runs in a process of its own, so a crash is reported \
            like any other finding. Reported are crashes, hangs, broken rules of sluice.h, calls that take longer than \
            the producer's flags promise, and leaks of memory, descriptors, threads and streams.

            Give a value for each parameter that has no default, and the configuration file if the producers need one. \
            The exit status is 0 if nothing was found, and 1 otherwise. The same --seed repeats the same random moments.

            Examples:
              sluice check hello.so
              sluice check ticker.so symbol=ACME --json
              sluice check tail.so --config sluice.yaml path=app.log
              sluice check hello.so --scenario moments --seed 7
            """)

    @Argument(help: ArgumentHelp("The plugin.", valueName: "file.so"))
    var file: String

    @Argument(help: ArgumentHelp("Values of parameters, for every producer that has them.", valueName: "name=value"))
    var values: [String] = []

    @Option(help: ArgumentHelp("Check only this producer; may be repeated.", valueName: "name"))
    var producer: [String] = []

    @Option(
        help: ArgumentHelp(
            "Run only this scenario; may be repeated. (\(Scenario.allCases.map(\.rawValue).joined(separator: ", ")))",
            valueName: "name"))
    var scenario: [String] = []

    @Option(
        help: ArgumentHelp(
            "Seed of the random moments (default: a new one for each run).", valueName: "number"))
    var seed: UInt64?

    @Option(help: ArgumentHelp("The configuration file, with the producers' sections.", valueName: "file"))
    var config: String?

    @Flag(help: "Write one JSON object.")
    var json = false

    @Flag(help: "Load the plugin even if users other than its owner can change it.")
    var insecurePlugins = false

    func validate() throws {
        for name in scenario where Scenario(rawValue: name) == nil {
            throw ValidationError(
                "--scenario: expected one of \(Scenario.allCases.map(\.rawValue).joined(separator: ", ")), not '\(name)'"
            )
        }
    }

    func run() throws {
        // The processes of the scenarios have the same limit.
        try DescriptorRoom.check(loops: 2, doorThreads: 1)
        let check = PluginCheck(
            of: file, producers: producer, scenarios: scenario.compactMap { Scenario(rawValue: $0) },
            values: try StreamArguments(values, headers: []).values, configuration: config,
            isInsecure: insecurePlugins)
        let findings = try check.run(seed: seed ?? .random(in: 0...UInt64(UInt32.max)), writesJSON: json)
        if findings > 0 { throw ExitCode(1) }
    }
}
