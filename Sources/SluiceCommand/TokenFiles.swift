import Files
import FrontDoor
import Glibc
import Identity
import PluginHost
import Processes
import Settings
import SystemCalls

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
        do {
            try await rules.checker.setKeys(settings.authKeys.map(material))
            if !settings.authTokens.isEmpty {
                let path = settings.authTokens
                rules.checker.tokens = try StaticTokens(
                    parsing: String(decoding: try bytes(of: path), as: UTF8.self), name: path)
            }
        } catch let error as KeyError {
            throw SettingError(error.description)
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
