import Files
import FrontDoor
import Glibc
import Identity
import Logging
import PluginHost
import Processes
import Settings
import SystemCalls

/// Which clients need a token, for all producers and for those with rules of their own.
struct ServedTokenRules {
    let common: TokenRules
    private(set) var ofProducers: [String: TokenRules] = [:]
    /// Producers whose rules have the common keys.
    private var sharing: Set<String> = []
    /// Producers that the configuration no longer has rules for.
    private(set) var kept: Set<String> = []

    /// Reads all files and variables with keys and tokens.
    ///
    /// Rules of a producer that the settings no longer have stay in force: its old code can go on serving, if the new
    /// one is refused or rolled back, and must not be open then.
    /// - Parameter previous: those in force.
    /// - Throws: what is wrong with a file or a variable.
    init(_ settings: Settings, after previous: ServedTokenRules? = nil) async throws {
        let files = TokenFiles(isInsecure: settings.insecurePlugins)
        common = try await files.rules(settings.anyProducer)
        for (name, own) in settings.producers where own.hasTokenRules {
            let shares = !own.hasOwn("auth")
            if shares { sharing.insert(name) }
            ofProducers[name] = try await files.rules(own, sharing: shares ? common.checker : nil)
        }
        for (name, rules) in previous?.ofProducers ?? [:] where ofProducers[name] == nil && rules.policy != .none {
            kept.insert(name)
            ofProducers[name] = rules
            if previous?.sharing.contains(name) == true, !common.checker.isEmpty {
                sharing.insert(name)
                ofProducers[name]?.checker = common.checker
            }
        }
    }
}

extension ServedTokenRules {
    /// - Parameter known: those that were told before.
    func warnOfKept(besides known: Set<String>, _ logger: Logger) {
        for name in kept.subtracting(known).sorted() {
            logger.warning(
                "the configuration no longer says who may open a producer's streams; what it said stays in force until it has other rules for it, or the server restarts",
                metadata: ["producer": "\(name)"])
        }
    }
}

/// Reads what the settings about tokens refer to.
struct TokenFiles {
    let isInsecure: Bool
    var folder = StartFolder.ofThisProcess

    private static let bytesMax = 1 << 20

    /// - Parameter checker: the one to use; `nil`: one is made of these settings.
    func rules(_ settings: ScopedSettings, sharing checker: TokenChecker? = nil) async throws -> TokenRules {
        var rules = TokenRules()
        switch settings.tokenPolicy {
        case .none: rules.policy = .none
        case .optional: rules.policy = .optional
        case .auto, .required: rules.policy = .required
        }
        rules.cookie = settings.authCookie.isEmpty ? nil : settings.authCookie
        rules.query = settings.authQuery.isEmpty ? nil : settings.authQuery
        if rules.policy != .none {
            rules.requirements = ClaimRequirement.merged(settings.require.map(ClaimRequirement.init))
        }
        if let checker {
            rules.checker = checker
            return rules
        }
        rules.checker.issuers = settings.authIssuers
        rules.checker.audiences = settings.authAudiences
        rules.checker.leeway = Double(settings.authLeeway.nanoseconds) / 1_000_000_000
        try await rules.checker.setKeys(settings.authKeys.map(material))
        if !settings.authTokens.isEmpty {
            let path = settings.authTokens
            rules.checker.tokens = try StaticTokens(
                parsing: String(decoding: try bytes(of: path), as: UTF8.self), name: path)
        }
        return rules
    }

    private func material(_ source: KeySource) throws -> KeyMaterial {
        switch source.place {
        case .file(let path):
            return KeyMaterial(try bytes(of: path), name: path, id: source.id, algorithm: source.algorithm)
        case .variable(let name):
            guard let value = ProcessEnvironment.value(of: name) else {
                throw SettingError("auth-keys: the environment has no variable \(name)")
            }
            return KeyMaterial(Array(value.utf8), name: "$\(name)", id: source.id, algorithm: source.algorithm)
        }
    }

    /// Who can change such a file can make tokens, as one who can change the configuration can allow anything.
    private func bytes(of path: String) throws(SettingError) -> [UInt8] {
        let location = folder.absolute(path)
        if !isInsecure, let objection = WriteAccess.ofThisProcess.objection(to: location, writtenAs: path) {
            throw SettingError("\(path): \(objection)")
        }
        let descriptor = open(location, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw SettingError("\(path): \(systemError(errno))") }
        defer { close(descriptor) }
        let (bytes, failure) = readBytes(from: descriptor, atMost: Self.bytesMax + 1)
        guard failure == 0 else { throw SettingError("\(path): \(systemError(failure))") }
        guard bytes.count <= Self.bytesMax else { throw SettingError("\(path): expected at most 1 MiB") }
        return bytes
    }
}

extension ScopedSettings {
    /// Whether the file sets anything about tokens for this producer.
    fileprivate var hasTokenRules: Bool { hasOwn("auth") || hasOwn(\.auth) || hasOwn(\.require) }
}

extension ClaimRequirement {
    init(_ pattern: ClaimPattern) {
        self.init(
            pattern.claim,
            pattern.parts.map { part in
                switch part {
                case .text(let text): .text(text)
                case .parameter(let name): .parameter(name)
                }
            })
    }
}
