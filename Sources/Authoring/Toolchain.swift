import CommandOutput
import Glibc
import Processes

/// The compilers of this machine, as the environment names and finds them.
struct Toolchain: Sendable {
    private let environment: [String: String]

    /// - Parameter environment: `PATH`, and as with make(1) `CC`, `CFLAGS`, `LDFLAGS` and `LDLIBS`; `SWIFTC` and
    ///   `SWIFTFLAGS` likewise.
    init(environment: [String: String] = Self.ownEnvironment()) {
        self.environment = environment
    }

    /// The C compiler and its first arguments.
    func cCompiler() throws(CommandFailure) -> [String] {
        try compiler(
            namedIn: "CC", otherwise: ["cc", "gcc", "clang"],
            missing: "no C compiler: neither cc, gcc nor clang is on the PATH",
            remedy: "install one (apt-get install gcc, dnf install gcc), or name it in CC")
    }

    func swiftCompiler() throws(CommandFailure) -> [String] {
        try compiler(
            namedIn: "SWIFTC", otherwise: ["swiftc"], missing: "no Swift compiler: swiftc is not on the PATH",
            remedy: "install Swift 6.3 or later (https://www.swift.org/install), or name its swiftc in SWIFTC")
    }

    /// The words of a variable that holds flags; none if it is not set.
    func flags(_ variable: String) -> [String] {
        (environment[variable] ?? "").split(separator: " ").map(String.init)
    }

    private func compiler(
        namedIn variable: String, otherwise usual: [String], missing: String, remedy: String
    ) throws(CommandFailure) -> [String] {
        let named = flags(variable)
        if let name = named.first {
            guard let found = find(name) else {
                throw CommandFailure(
                    "\(variable) names '\(name)', which does not exist; correct it, or unset \(variable)")
            }
            return [found] + named.dropFirst()
        }
        for name in usual {
            if let found = find(name) { return [found] }
        }
        throw CommandFailure("\(missing); \(remedy)")
    }

    /// As execvp(3) looks for a program.
    private func find(_ name: String) -> String? {
        let candidates =
            name.contains("/")
            ? [name]
            : (environment["PATH"] ?? "").split(separator: ":", omittingEmptySubsequences: false).map {
                $0.isEmpty ? name : "\($0)/\(name)"
            }
        return candidates.first { access($0, X_OK) == 0 }
    }

    static func ownEnvironment() -> [String: String] {
        var variables: [String: String] = [:]
        for name in ["PATH", "CC", "CFLAGS", "LDFLAGS", "LDLIBS", "SWIFTC", "SWIFTFLAGS", "XDG_CACHE_HOME", "HOME"] {
            if let value = ProcessEnvironment.value(of: name) { variables[name] = value }
        }
        return variables
    }
}
