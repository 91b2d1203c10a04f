import CLinux
import Glibc
import Synchronization

/// The variables of this process, as it was started with them: a plugin may change them, or clear them all, and does so
/// for everybody.
package enum ProcessEnvironment {
    private static let kept = Mutex<[String]?>(nil)

    /// From now on they stay what they are at this moment. Before any code of a plugin's runs.
    package static func keep() {
        let variables = present()
        kept.withLock { $0 = variables }
    }

    /// "NAME=value" each: those that were kept, or, in a process that keeps none, those that it has.
    package static var variables: [String] { kept.withLock(\.self) ?? present() }

    /// The same with others added, or in the place of those that have their names.
    package static func variables(with added: [String: String]) -> [String] { changed(variables, with: added) }

    /// Those that it has at this moment, changed likewise.
    package static func present(with added: [String: String]) -> [String] { changed(present(), with: added) }

    private static func changed(_ variables: [String], with added: [String: String]) -> [String] {
        variables.filter { added[String($0.prefix { $0 != "=" })] == nil } + added.map { "\($0.key)=\($0.value)" }
    }

    /// The value of a variable; `nil` if there is none.
    package static func value(of name: String) -> String? {
        guard let kept = kept.withLock(\.self) else { return getenv(name).map { String(cString: $0) } }
        return kept.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
    }

    /// clearenv(3) leaves none at all, not even an end of them.
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
