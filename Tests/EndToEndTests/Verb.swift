import TestSupport

/// One run of a command as an operator of the server would type it.
struct Verb {
    let status: Int32
    /// Its standard output and standard error.
    let output: String
    let error: String

    init(_ program: RunningProgram) throws {
        guard case .status(let status) = program.waitForExit(.seconds(60)), program.output.waitForEnd(.seconds(10)),
            program.errors.waitForEnd(.seconds(10))
        else { throw TestFailure("the verb did not end") }
        self.status = status
        output = program.output.lines.joined(separator: "\n")
        error = program.errors.lines.map(\.description).joined(separator: "\n")
    }
}

extension SluiceServer {
    /// Starts `sluice` with these arguments in an environment in which it finds this server.
    func start(_ arguments: [String], prefix: [String] = []) throws -> RunningProgram {
        try RunningProgram(
            prefix + [BuiltProducts.sluice] + arguments, environment: ["XDG_RUNTIME_DIR": directory.path])
    }

    func run(_ arguments: String..., prefix: [String] = []) throws -> Verb {
        try Verb(start(arguments, prefix: prefix))
    }

    /// Waits for a reload, however it was requested.
    func waitForReload(from start: Int) throws {
        try waitForLog("end of a reload", from: start, within: .seconds(30)) {
            ["reloaded", "nothing reloaded", "no plugin reloaded"].contains($0.message)
        }
    }
}
