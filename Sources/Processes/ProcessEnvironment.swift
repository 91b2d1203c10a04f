import CLinux
import Glibc
import Synchronization

/// The environment variables that this process was started with. A plugin can change or clear the environment of the
/// whole process.
package enum ProcessEnvironment {
    private static let kept = Mutex<[String]?>(nil)

    /// Saves the current variables for later use. Call it before any plugin's code runs.
    package static func keep() {
        let variables = present()
        kept.withLock { $0 = variables }
    }

    /// The saved variables, or the current ones if none were saved; each is "NAME=value".
    package static var variables: [String] { kept.withLock(\.self) ?? present() }

    /// The same with variables added or replaced.
    package static func variables(with added: [String: String]) -> [String] { changed(variables, with: added) }

    /// The current variables, with variables added or replaced.
    package static func present(with added: [String: String]) -> [String] { changed(present(), with: added) }

    private static func changed(_ variables: [String], with added: [String: String]) -> [String] {
        variables.filter { added[String($0.prefix { $0 != "=" })] == nil } + added.map { "\($0.key)=\($0.value)" }
    }

    /// The value of a variable; `nil` if it is not set.
    package static func value(of name: String) -> String? {
        guard let kept = kept.withLock(\.self) else { return getenv(name).map { String(cString: $0) } }
        return kept.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
    }

    /// After clearenv(3), `environ` is NULL, not an empty list.
    private static func present() -> [String] {
        var variables: [String] = []
        guard var place = sluice_environment() else { return [] }
        while let entry = place.pointee {
            variables.append(String(cString: entry))
            place += 1
        }
        return variables
    }
}
