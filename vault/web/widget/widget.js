// @ts-check
/**
 * The call button. The page that wants one writes:
 *
 *   <script type="module" src="https://VAULT/widget.js"></script>
 *   <call-button button="btn_…"></call-button>
 *
 * The server answers /widget.js with this file and /widget/NAME.js with its neighbours.
 */
import { CallButton } from "./widget/element.js";

if (!customElements.get("call-button")) customElements.define("call-button", CallButton);
