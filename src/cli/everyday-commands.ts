/** `cnvm first-login doctor config support-bundle`: what people who run a mesh need every day. */
import type { Command } from 'commander';
import { addConfigCommand } from './config-command.js';
import { addDoctorCommand } from './doctor-command.js';
import { addFirstLoginCommand } from './first-login-command.js';
import { addSupportBundleCommand } from './support-bundle.js';

export function addEverydayCommands(program: Command): void {
  addFirstLoginCommand(program);
  addDoctorCommand(program);
  addConfigCommand(program);
  addSupportBundleCommand(program);
}
